"""Retry: tries again what is safe to try again, and tells the SDK when there is no more to try.

What is safe, in this order:

1. Nothing was written: any method.
2. Written, and no response: idempotent methods, and requests that carry an idempotency key.
3. A response: by the provider's own word where it has one, else by its status: those whose `on` names
   `retry`, a 429 (or what the provider means by one) for every method since it was not executed, any
   other as in 2.
4. A 401 whose `on` names `refresh`, once the credential was renewed, and a 401 or 429 of a key of a pool,
   once with each other key: any method, since it was not executed. It is no attempt of `retry`.
5. After the first byte has gone to the app: never; this layer is done by then.

Who sends an exchange that nobody waits for tries again by itself: it is one attempt here.

A wait is exponential with full jitter, or what Retry-After asks if that is longer. One that does not
fit within the deadline is not begun.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic, time
from weakref import WeakKeyDictionary

from outrider.config import Retry as Options
from outrider.events import BudgetSpent, Retrying, TargetFailed, TargetRecovered
from outrider.facts import said
from outrider.idempotency import Idempotency
from outrider.judged import seconds_asked, word_of
from outrider.on import key_of
from outrider.plugin import (
    Attempt,
    AttemptFailed,
    AttemptSend,
    Events,
    Exchange,
    ExchangeSend,
    Layer,
    OutriderError,
    Response,
    Stage,
    Target,
    Whole,
    field,
    hookimpl,
)
from outrider_plugins.limits.learned import retry_after

from .backoff import Backoff
from .budget import Budget

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
#: Seconds in which the body of an answer that is not the last may come, to be passed on if it is after all.
_LOOK_S = 1.0
_UNKNOWN = "the request may have taken effect: its outcome is unknown"

Sleep = Callable[[float], Awaitable[None]]


class Retry:
    """The retries of one target."""

    def __init__(
        self,
        target: Target,
        options: Options,
        events: Events,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._target = target
        self._provider = target.provider
        self._events = events
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff(options)
        self._known = _known(target, options.budget, clock)

    def wrap(self, send: ExchangeSend) -> ExchangeSend:
        """Give the `send` that tries again."""
        count = self._known.budget.request

        async def retried(exchange: Exchange) -> Response:
            count()
            try:
                response = await send(exchange)
            except OutriderError as error:
                return await self._again(exchange, send, error)
            if response.meant < 400:
                if self._known.failing:
                    self._recovered()
                return response
            return await self._again(exchange, send, response)

        return retried

    async def _again(
        self, exchange: Exchange, send: ExchangeSend, outcome: Response | OutriderError
    ) -> Response:
        """Go on after a first failure, until there is an answer or no more to try."""
        made, renewed = 1, 0
        while True:
            if isinstance(outcome, Response):
                if outcome.meant < 400:
                    self._recovered()
                    return outcome
                try:
                    if self._target.reads_errors:
                        await outcome.peek(within_s=exchange.left_s)
                    renews = await self._renews(exchange, outcome, renewed)
                    wanted, asked_s = (None, None) if renews else self._judge(exchange, outcome)
                except BaseException:
                    outcome.close()  # the app has left, or the provider's plugin raised
                    raise
                reason = str(outcome.meant)
                if renews:
                    renewed += 1
                    last = await self._set_aside(outcome)
                    try:
                        outcome = await send(exchange)
                    except AttemptFailed as error:
                        outcome = error
                    except OutriderError as error:
                        # It was not sent: the other keys are held, or there is no other token.
                        return self._give_up(exchange, error if last is None else last, reason, final=True)
                    continue
            else:
                wanted, asked_s = self._judge_error(exchange, outcome), None
                reason = key_of(outcome)
            delay_s = self._delay(exchange, made, asked_s) if wanted else None
            if delay_s is None:
                return self._give_up(exchange, outcome, reason, final=wanted is not None)
            self._events.emit(Retrying(exchange, self._target, reason, delay_s))
            exchange.uncertain |= self._target.may_have_acted(outcome)
            began = self._clock()
            try:
                await exchange.body.take_back()
                last = await self._set_aside(outcome)
                await self._sleep(max(0.0, delay_s - (self._clock() - began)))
            except BaseException:
                self._known.budget.refund(self._clock() - began)
                raise
            finally:
                exchange.waited_s += self._clock() - began
            made += 1
            try:
                outcome = await send(exchange)
            except AttemptFailed as error:
                outcome = error
            except OutriderError as error:
                # It was not sent: what the app gets is what came of those that were.
                self._known.budget.refund(self._clock() - began)
                return self._give_up(exchange, error if last is None else last, reason, final=True)

    @staticmethod
    async def _set_aside(outcome: Response | OutriderError) -> Response | OutriderError | None:
        """Let go of an outcome's connection; give what can still be passed on, None where it is too long."""
        if not isinstance(outcome, Response):
            return outcome
        try:
            await outcome.peek(within_s=_LOOK_S)
        finally:
            outcome.close()
        return outcome if isinstance(outcome.body, Whole) else None

    async def _renews(self, exchange: Exchange, response: Response, renewed: int) -> bool:
        """Whether a refused credential was replaced, so that the call is sent again, uncounted."""
        credential = self._target.credential
        if (
            credential is None
            or renewed >= credential.times
            or not credential.replaces(self._target.status_of(response))
            or not exchange.body.replayable
        ):
            return False
        await exchange.body.take_back()
        began = self._clock()
        try:
            return await credential.renew(exchange)
        finally:
            exchange.waited_s += self._clock() - began

    def _judge(self, exchange: Exchange, response: Response) -> tuple[bool | None, float | None]:
        """Whether a retry may help, None where that is not for us to say; and the seconds to wait first."""
        headers, status = response.headers, self._target.status_of(response)
        word = word_of(self._provider, response)
        if word is None:
            word = said(headers)
        asked_s = seconds_asked(self._provider, response)
        if asked_s is None:
            asked_s = retry_after(headers, time())
        if asked_s is not None and self._target.credential is not None:
            rests_s = self._target.credential.rests_s(exchange)
            asked_s = asked_s if rests_s is None else min(asked_s, rests_s)
        if word is not None:
            return word, asked_s
        if "retry" not in self._target.on.status(status):
            return None, None
        return status == 429 or exchange.idempotent_at(self._target), asked_s

    def _judge_error(self, exchange: Exchange, error: OutriderError) -> bool | None:
        if not isinstance(error, AttemptFailed):
            return None
        if "retry" not in self._target.on.error(error):
            return None
        return not error.written or exchange.idempotent_at(self._target)

    def _delay(self, exchange: Exchange, made: int, asked_s: float | None) -> float | None:
        """Seconds to wait before the next attempt, None where there is none to come."""
        if self._backoff.exhausted(made) or not exchange.body.replayable or exchange.in_background:
            return None
        delay_s = self._backoff.delay_s(made)
        if asked_s is not None and asked_s > 0:
            # Those who were told the same moment do not come at the same moment.
            delay_s = asked_s + min(delay_s, 0.1 * asked_s)
        if self._clock() + delay_s >= exchange.deadline:
            return None
        if not self._known.budget.spend():
            self._events.emit(BudgetSpent(exchange, self._target))
            return None
        return delay_s

    def _give_up(
        self, exchange: Exchange, outcome: Response | OutriderError, reason: str, *, final: bool
    ) -> Response:
        """Hand on the last outcome; `final`: with what tells the SDK not to try again."""
        on = self._target.on
        if isinstance(outcome, Response):
            actions = on.status(self._target.status_of(outcome))
        else:
            actions = on.error(outcome)
        if actions - {"pass"}:
            self._known.failing = True
            self._events.emit(TargetFailed(exchange, self._target, reason, actions))
        if isinstance(outcome, Response):
            if final and not exchange.in_background:
                self._target.stop(outcome.headers)
            return outcome
        if isinstance(outcome, AttemptFailed):
            outcome.written |= exchange.uncertain
            if outcome.written and exchange.method not in _SAFE:
                outcome.detail = f"{outcome.detail}; {_UNKNOWN}"
            if final:
                outcome.stops = self._target.stops
        raise outcome

    def _recovered(self) -> None:
        if self._known.failing:
            self._known.failing = False
            self._events.emit(TargetRecovered(self._target))


class Known:
    """What is known of a target. It outlasts a reload."""

    __slots__ = ("budget", "failing")

    def __init__(self, budget: Budget, *, failing: bool = False) -> None:
        self.budget = budget
        self.failing = failing
        """Whether it has failed an exchange for good since its last good answer."""


_KNOWN: WeakKeyDictionary[Target, Known] = WeakKeyDictionary()


def _known(target: Target, share: float, clock: Callable[[], float]) -> Known:
    """Give what is known of the target that this one replaces; a budget of another share begins anew."""
    known = _KNOWN.get(target.before) if target.before is not None else None
    if known is None or known.budget.share != share:
        known = Known(Budget(share, clock=clock), failing=known is not None and known.failing)
    _KNOWN[target] = known
    return known


def keyed(send: AttemptSend, rules: Idempotency) -> AttemptSend:
    """Give the `send` that puts a key on a call that takes one and has none: the same on each attempt."""
    name = rules.header

    def with_key(attempt: Attempt) -> Awaitable[Response]:
        exchange = attempt.exchange
        if rules.takes_key(exchange.method, exchange.path) and name not in exchange.headers:
            if not exchange.idempotency_key:
                exchange.idempotency_key = secrets.token_hex(16)
            attempt.fields.append(field(name, exchange.idempotency_key))
        return send(attempt)

    return with_key


@hookimpl
def outrider_target_layers(target: Target, events: Events) -> Iterable[Layer[Exchange] | Layer[Attempt]]:
    """Give every target its retries; one attempt still tells the SDK not to try again."""
    options = target.config.retry or Options()
    several = options.attempts > 1
    name = f"{options.attempts} attempts" if several else "1 attempt"
    replays = several or (target.auth is not None and target.auth.renews)
    yield Layer(stage=Stage.RETRY, wrap=Retry(target, options, events).wrap, replays=replays, name=name)
    rules = target.idempotency
    if rules.header:
        yield Layer(stage=Stage.LIMIT, wrap=lambda send: keyed(send, rules), name="idempotency-key")
