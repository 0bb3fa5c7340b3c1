"""Limits: a call waits its turn, first come first served, or is refused with the time to come back.

`[[integrations.NAME.limits]]` says what we keep to; a provider's responses say what it counts, and
hold back the next call before it earns a 429. Attempts are counted, as the provider counts them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic, time
from weakref import WeakKeyDictionary

from outrider.events import LimitWaited
from outrider.plugin import (
    Attempt,
    AttemptSend,
    Events,
    Layer,
    Limited,
    Response,
    Stage,
    Target,
    hookimpl,
)

from .learned import Learned, read, retry_after
from .meter import Meter
from .turns import Meters, Turns, WouldWait

#: How long a call waits for what a provider's response holds back, where no limit says otherwise.
_WAIT_S = 5.0


class Limits:
    """The limits of one target: those of the file, and those that the provider tells."""

    def __init__(self, target: Target, events: Events, *, clock: Callable[[], float] = monotonic) -> None:
        # Not the target itself: what a page asks by target must not keep it alive after a reload.
        self._name = target.name
        self._provider = target.provider
        self._peeks = target.reads_errors
        self._events = events
        self._clock = clock
        configured = [Meter.configured(limit, clock=clock) for limit in target.config.limits or ()]
        waits = [meter.wait_s for meter in configured if not meter.observe]
        self._told = Meter("the provider's own", wait_s=min(waits, default=_WAIT_S), clock=clock)
        self._turns = Turns((*configured, self._told), clock=clock, call_at=_call_at)
        self._learned = Learned(clock)
        self._in_flight = 0
        self._knows = False
        """Whether the provider has told anything yet."""
        self._holds_slots = any(meter.concurrency is not None for meter in configured)

    def wrap(self, send: AttemptSend) -> AttemptSend:
        """Give the `send` that waits its turn."""
        turns, learned, peeks = self._turns, self._learned, self._peeks

        async def limited(attempt: Attempt) -> Response:
            meters = turns.of(attempt.method, attempt.exchange.path)
            if not turns.take(meters):
                await self._wait(attempt, meters)
            number = learned.sent()
            if self._knows:
                self._hold()  # the provider's count may be used up by those under way
            self._in_flight += 1
            response: Response | None = None
            try:
                answered = await send(attempt)
                if peeks and answered.status >= 400:
                    await _read(answered, attempt.exchange.left_s)
                response = answered
                return response
            finally:
                self._in_flight -= 1
                if self._holds_slots:
                    if response is None:
                        turns.done(meters)
                    else:
                        response.on_close(lambda: turns.done(meters))
                if response is not None:
                    self._learn(response, number)

        return limited

    def describe(self) -> dict[str, object]:
        """Say what is configured, and what the provider has told, for a page."""
        return {
            "configured": [
                {
                    "limit": meter.name,
                    "in_flight": meter.in_flight,
                    "waiting": meter.waiting,
                    "observe": meter.observe,
                    "would_have_limited": meter.would_have_limited,
                }
                for meter in self._turns.meters
                if meter is not self._told
            ],
            "learned": self._learned.snapshot(),
        }

    async def _wait(self, attempt: Attempt, meters: Meters) -> None:
        exchange, began = attempt.exchange, self._clock()
        wait_s = min(meter.wait_s for meter in meters if not meter.observe)
        refused = True
        try:
            await self._turns.wait(meters, until=min(began + wait_s, exchange.deadline))
            refused = False
        except WouldWait as would:
            names = ", ".join(meter.name for meter in meters if not meter.observe)
            raise Limited(
                f"integration '{self._name}': no turn within {wait_s:g} s ({names})",
                retry_after_s=would.retry_after_s,
            ) from None
        finally:
            waited_s = self._clock() - began
            exchange.waited_s += waited_s
            self._events.emit(LimitWaited(attempt, waited_s, refused))

    def _learn(self, response: Response, number: int) -> None:
        status = response.meant
        if status >= 400 and self._provider is not None and self._provider.limited(response):
            status = 429
        seens = read(status, response.headers, time()) if not response.made_here else ()
        if seens:
            self._knows = True
            self._learned.observe(list(seens), self._in_flight, number)
        if status == 429:
            asked_s = self._provider.retry_after(response) if self._provider is not None else None
            self._learned.hold(asked_s or retry_after(response.headers, time()) or 0.0)
        elif not seens:
            return
        self._hold()

    def _hold(self) -> None:
        until = self._learned.hold_until()
        if until > self._clock() or self._told.hold_until:
            self._turns.hold(self._told, until)


def _call_at(when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_at(when, callback)


async def _read(response: Response, within_s: float) -> None:
    """Read an error's body, for the provider to judge; let go of it where that fails."""
    try:
        await response.peek(within_s=within_s)
    except BaseException:
        response.close()
        raise


_LIMITS: WeakKeyDictionary[Target, Limits] = WeakKeyDictionary()


def describe(target: Target) -> dict[str, object]:
    """Say what limits a target has, configured and learned."""
    limits = _LIMITS.get(target)
    return limits.describe() if limits is not None else {"configured": [], "learned": []}


@hookimpl
def outrider_target_layers(target: Target, events: Events) -> Iterable[Layer[Attempt]]:
    """Give every target its limits: a provider may tell of some where the file has none."""
    limits = _LIMITS[target] = Limits(target, events)
    return [Layer(stage=Stage.LIMIT, wrap=limits.wrap)]
