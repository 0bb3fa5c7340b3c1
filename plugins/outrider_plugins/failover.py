"""Failover: the target first, then its fallbacks in order; a message when nothing else is left.

`[integrations.NAME.fallback]`. A fallback is an integration of its own, with its own credential,
limits, retries and breaker. It is tried when `on` says `failover` of what the one before it gave.
A request that may have taken effect moves on only if it is idempotent or carries a key. To another API
it goes in that API's words (`translate/`), where both providers have the operation; there no key helps.

What the app gets when all have failed: the message where `on` names it, or where there is no
provider's response to pass on and `on` does not say `pass`; else the last provider's response; else
Outrider's own answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from outrider.config import Message
from outrider.events import FailedOver
from outrider.facts import said
from outrider.idempotency import IDEMPOTENT
from outrider.on import MOVED_ON, key_of
from outrider.plugin import (
    AttemptFailed,
    Events,
    Exchange,
    ExchangeSend,
    Integration,
    Layer,
    OutriderError,
    Response,
    Stage,
    Target,
    Untranslatable,
    hookimpl,
    respond,
)

from .translate import Translation

_log = logging.getLogger("outrider")


class Failover:
    """The ways that are left to one integration when its own target fails."""

    def __init__(self, integration: Integration, events: Events) -> None:
        fallback = integration.config.fallback
        assert fallback is not None
        self._on = integration.target.on
        self._ways: tuple[Target, ...] = (integration.target, *integration.fallbacks)
        self._translations = {
            to: Translation(integration.target, to, fallback) for to in integration.fallbacks
        }
        self._message = fallback.message
        # The longest beginning first.
        self._paths = sorted(fallback.paths.items(), key=lambda pair: -len(pair[0]))
        self._events = events

    def wrap(self, send: ExchangeSend) -> ExchangeSend:
        """Give the `send` that moves on."""

        async def failed_over(exchange: Exchange) -> Response:
            try:
                response = await send(exchange)
            except OutriderError as error:
                return await self._move_on(exchange, error)
            return response if response.meant < 400 else await self._move_on(exchange, response)

        return failed_over

    async def _move_on(self, exchange: Exchange, outcome: Response | OutriderError) -> Response:
        kept: Response | None = None
        own_target = exchange.target
        origin = self._ways[0]
        passed_over: list[str] = []
        try:
            for to in self._ways[1:]:
                if isinstance(outcome, Response) and outcome.meant < 400:
                    break
                translation = self._translations[to]
                if not self._may_move(exchange, origin, outcome, translation):
                    break
                await exchange.body.take_back()
                try:
                    translated = await translation.of(exchange) if translation.needed else None
                except Untranslatable as words:
                    passed_over.append(f"'{to.name}' cannot be told {words}")
                    continue
                reason = str(origin.status_of(outcome)) if isinstance(outcome, Response) else key_of(outcome)
                self._events.emit(FailedOver(exchange, origin, to, reason))
                exchange.uncertain |= origin.may_have_acted(outcome)
                exchange.notes.setdefault(MOVED_ON, self._actions(origin, outcome))
                exchange.target = self._mapped(own_target)
                origin = to
                if isinstance(outcome, Response):
                    if kept is not None:
                        kept.close()
                    kept = outcome
                try:
                    if translated is not None:
                        exchange.target = own_target
                        outcome = await translated.send(exchange)
                    else:
                        outcome = await to.send(exchange)
                except OutriderError as error:
                    outcome = error
        except BaseException:
            for one in {kept, outcome}:
                if isinstance(one, Response):
                    one.close()
            raise
        finally:
            exchange.target = own_target
        if passed_over:
            self._say(passed_over, outcome)
        return self._answer(exchange, outcome, kept)

    def _actions(self, origin: Target, outcome: Response | OutriderError) -> frozenset[str]:
        if isinstance(outcome, Response):
            return self._on.status(origin.status_of(outcome))
        return self._on.error(outcome)

    def _say(self, passed_over: list[str], outcome: Response | OutriderError) -> None:
        """Tell which fallbacks were passed over, and why: in the log, and where the answer is ours."""
        words = "; ".join(passed_over)
        _log.warning("integration '%s': fallback passed over: %s", self._ways[0].name, words)
        if isinstance(outcome, OutriderError):
            outcome.detail = f"{outcome.detail}; fallback {words}"

    def _may_move(
        self,
        exchange: Exchange,
        origin: Target,
        outcome: Response | OutriderError,
        translation: Translation,
    ) -> bool:
        if not exchange.body.replayable or not exchange.left_s:
            return False
        if translation.needed:
            # A key of the first API means nothing to the second: both might do it.
            harmless = translation.repeatable(exchange) or exchange.method in IDEMPOTENT
        else:
            harmless = exchange.idempotent_at(origin)
        if isinstance(outcome, Response):
            actions = self._on.status(origin.status_of(outcome))
        else:
            actions = self._on.error(outcome)
        if "failover" not in actions:
            return False
        return harmless or not (exchange.uncertain or origin.may_have_acted(outcome))

    def _answer(
        self, exchange: Exchange, outcome: Response | OutriderError, kept: Response | None
    ) -> Response:
        # Nobody would read the message of a call that is a job, or is to become one.
        queued = "queue" in (exchange.noted(MOVED_ON) or ())
        message = None if queued or exchange.in_background else self._message
        own = self._ways[0]
        if isinstance(outcome, Response):
            if kept is not None:
                kept.close()
            if message is None or "message" not in self._on.status(outcome.meant):
                if said(outcome.headers) is False:
                    own.stop(outcome.headers)  # a fallback's words may be none that the app's SDK knows
                return outcome
            outcome.close()
            return say(message, own)
        actions = self._on.error(outcome)
        if kept is not None and (message is None or "message" not in actions):
            return kept
        if message is not None and key_of(outcome) and not {"pass", "queue"} & actions:
            if kept is not None:
                kept.close()
            return say(message, own)
        if isinstance(outcome, AttemptFailed) and outcome.stops:
            outcome.stops = own.stops
        raise outcome

    def _mapped(self, target: str) -> str:
        """Give the path that a fallback has for this one: `fallback.paths` by the longest beginning."""
        path, mark, query = target.partition("?")
        for begin, instead in self._paths:
            if path == begin or path.startswith(begin.rstrip("/") + "/"):
                return instead.rstrip("/") + path[len(begin.rstrip("/")) :] + mark + query
        return target


def say(message: Message, own: Target) -> Response:
    """Make the answer of `fallback.message`: JSON of a table, text of a string. It is the last word."""
    headers = [*message.headers.items(), ("Proxy-Status", "outrider; error=destination_unavailable")]
    response = respond(message.status, b"" if message.body is None else message.body, headers)
    own.stop(response.headers)
    return response


@hookimpl
def outrider_integration_layers(integration: Integration, events: Events) -> Iterable[Layer[Exchange]]:
    """Give the layer to integrations that have somewhere to go, or something to say."""
    fallback = integration.config.fallback
    if fallback is None or not (integration.fallbacks or fallback.message):
        return []
    wrap = Failover(integration, events).wrap
    return [Layer(stage=Stage.FAILOVER, wrap=wrap, replays=bool(integration.fallbacks))]
