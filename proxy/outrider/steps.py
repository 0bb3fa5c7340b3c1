"""The core's own steps of the request path, between the layers of the plugins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import TYPE_CHECKING

from .errors import AttemptFailed, OutriderError, Rubbish, TooSlow
from .events import AttemptDone, Events, tell
from .exchange import Attempt, Exchange
from .judged import ask_legibly
from .query import without_parameters

if TYPE_CHECKING:
    from .integration import Target, Timeout
    from .layers import AttemptSend, ExchangeSend
    from .provider import Provider
    from .response import Response

#: By the first digit. A 101 is as good as a 2xx, and no label of its own.
_CLASSES = ("", "2xx", "2xx", "3xx", "4xx", "5xx")


def attempts(target: Target, send: AttemptSend, events: Events) -> ExchangeSend:
    """Give the step that makes a fresh Attempt of an Exchange, and tells its end exactly once."""
    strip, reads = target.credential_query, target.reads_errors
    done = events.of(AttemptDone)

    async def attempted(exchange: Exchange) -> Response:
        attempt = Attempt(exchange, target)
        if reads:
            ask_legibly(attempt)
        first = exchange.integration.target
        names = strip if first is target else strip | first.credential_query
        if names and "?" in attempt.target:
            attempt.target = without_parameters(attempt.target, names)
        before = exchange.upstream_s
        result = "failed"
        try:
            response = await send(attempt)
            result = _CLASSES[response.status // 100]
            return response
        except asyncio.CancelledError:
            result = "cancelled"
            raise
        except OutriderError as error:
            result = _result(error)
            raise
        finally:
            tell(events, done, AttemptDone(attempt, result, exchange.upstream_s - before))

    return attempted


def _result(error: OutriderError) -> str:
    if isinstance(error, TooSlow):
        return "timeout"
    if isinstance(error, Rubbish):
        return "rubbish"
    return "unreachable" if isinstance(error, AttemptFailed) else "refused"


def prepared(provider: Provider, send: ExchangeSend) -> ExchangeSend:
    """Give the step that lets the provider's plugin look at an exchange, once."""

    def looked_at(exchange: Exchange) -> Awaitable[Response]:
        provider.prepare(exchange)
        return send(exchange)

    return looked_at


def keeping(send: ExchangeSend) -> ExchangeSend:
    """Give the step that keeps a body that streams, up to the cap, for another attempt."""

    def kept(exchange: Exchange) -> Awaitable[Response]:
        if exchange.body.data is None:
            exchange.body.keep()
        return send(exchange)

    return kept


def timed(serve: AttemptSend, timeout: Timeout) -> AttemptSend:
    """Hold a provider inside Outrider to the times of one outside: TooSlow after them."""

    async def served(attempt: Attempt) -> Response:
        started = monotonic()
        left_s = min(timeout.response, attempt.exchange.deadline - started)
        try:
            return await asyncio.wait_for(serve(attempt), left_s)
        except TimeoutError:
            raise TooSlow("the provider did not answer in time") from None
        finally:
            attempt.exchange.upstream_s += monotonic() - started

    return served
