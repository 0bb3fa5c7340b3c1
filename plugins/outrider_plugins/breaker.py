"""Breaker: leaves a target alone that fails, and finds out with one call whether it is back.

Closed: calls go through. It opens after `failures` failures in a row, or when a failure makes their
share over `window` reach `rate`. A failure is a response of 5xx but 501, or none: unreachable, too
slow, rubbish. A 4xx is an answer. What the app cancelled or gave too little time (`Outrider-Timeout`), or
a layer further in refused (a limit, a missing credential), is neither.

Open: every call is refused at once, with what is left of the period as Retry-After. After it the
next call is the probe, and the others are still refused. Its answer closes the breaker, its failure
opens it for a whole period, anything else lets the next call be the probe.

While the provider's status page says that it is down, the first failure opens it, for four periods.

Exactly `failures` calls reach a target that fails them all, however many come at once. While no
answer is known yet, and after a failure until the next answer, the calls under way and the failures
in a row are together at most `failures`. The others wait in line, first come first served, until an
answer lets all go, a call without outcome gives its place to the next, or the breaker opens and
they are refused. They wait no longer than their deadline, and it counts as waiting. While answers
flow there is no line: what is under way when a target breaks down cannot be called back. The price:
just after a load of the configuration, `failures` is how many calls go to a target side by side
until it has answered one.

Each closed time and each open period has a number that its calls carry: one that was under way when
the breaker opened changes nothing when it ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from weakref import WeakKeyDictionary

from outrider.config import Breaker
from outrider.errors import Open
from outrider.events import BreakerClosed, BreakerOpened
from outrider.plugin import (
    Attempt,
    AttemptFailed,
    AttemptSend,
    Events,
    Exchange,
    Layer,
    Response,
    Stage,
    Target,
    TooSlow,
    Unavailable,
    hookimpl,
)

#: Seconds after which a call that met the probe may come again.
_PROBE_RETRY_AFTER_S = 1.0
#: A timeout of the deadline's comes no earlier before it.
_PUNCTUAL_S = 0.01
_UNBOUNDED = sys.maxsize
#: A provider that says itself that it is down is asked again so many times later.
_DOWN_PERIODS = 4
_SLOTS = 10


class Share:
    """The share of failures over a window, to a tenth of it."""

    def __init__(self, share: float, window_s: float, minimum: int, clock: Callable[[], float]) -> None:
        self._share = share
        self._window_s = window_s
        self._minimum = minimum
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        # The requests and failures of each slot, the one under way last.
        self._slots: deque[list[int]] = deque([[0, 0]], maxlen=_SLOTS)
        self._ends = self._clock() + self._window_s / _SLOTS

    def add(self, *, failed: bool) -> None:
        """Count the outcome of a request."""
        if self._clock() >= self._ends:
            self._turn()
        slot = self._slots[-1]
        slot[0] += 1
        slot[1] += failed

    def too_high(self) -> str:
        """Say that the share is reached, in words; "" while it is not."""
        requests, failures = (sum(counts) for counts in zip(*self._slots, strict=True))
        if requests < self._minimum or failures < self._share * requests:
            return ""
        return f"{failures} of {requests} requests in {self._window_s:g} s failed"

    def _turn(self) -> None:
        slot_s = self._window_s / _SLOTS
        passed = int((self._clock() - self._ends) / slot_s) + 1
        self._slots.extend([0, 0] for _ in range(min(passed, _SLOTS)))
        self._ends += passed * slot_s


class State:
    """How a circuit stands. It outlasts a reload: a provider that is down does not come back by that."""

    __slots__ = ("in_a_row", "in_flight", "line", "period", "room", "until", "why")

    def __init__(self, room: int) -> None:
        self.period = 1
        """The number of the period."""
        self.until: float | None = None
        """Until when it is open; None: closed."""
        self.why = ""
        self.in_flight = 0
        """How many calls of the period are under way."""
        self.room = room
        """How many may be without being asked."""
        self.in_a_row = 0
        """Failures."""
        self.line: deque[asyncio.Future[int]] = deque()
        """Calls for which there was no room. Nobody is in it while there is room, or while it is open."""


_STATES: WeakKeyDictionary[Target, State] = WeakKeyDictionary()


class Circuit:
    """The breaker of one target."""

    def __init__(
        self, target: Target, options: Breaker, events: Events, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._target = target
        self._events = events
        self._clock = clock
        self._failures = options.failures
        self._open_s = options.open
        self._share = (
            None if options.rate is None else Share(options.rate, options.window, options.minimum, clock)
        )
        earlier = _STATES.get(target.before) if target.before is not None else None
        self._state = _STATES[target] = earlier or State(self._failures)

    def __repr__(self) -> str:
        state, now = self._state, self._clock()
        stands = "closed" if state.until is None else "half-open" if now >= state.until else "open"
        line = f", {len(state.line)} in line" if state.line else ""
        return f"<Circuit {self._target.name} {stands}, {state.in_flight} in flight{line}>"

    def wrap(self, send: AttemptSend) -> AttemptSend:
        """Give the `send` that asks first, and remembers how each call ended."""
        state = self._state

        async def broken(attempt: Attempt) -> Response:
            if state.in_flight < state.room:
                state.in_flight += 1
                period = state.period
            elif state.until is None:
                period = await self._wait(attempt.exchange)
            else:
                period = self._probe()
            try:
                response = await send(attempt)
            except AttemptFailed as error:
                if isinstance(error, TooSlow) and self._was_hurried(attempt.exchange):
                    self._left(period)
                else:
                    self._failed(period, error.kind)
                raise
            except BaseException:
                self._left(period)
                raise
            status = response.status
            if status < 500 or status == 501:
                self._succeeded(period)
            else:
                self._failed(period, str(status))
            return response

        return broken

    def _was_hurried(self, exchange: Exchange) -> bool:
        """Whether it ended at a deadline of the app's, which says nothing about the target."""
        return exchange.hurried and self._clock() >= exchange.deadline - _PUNCTUAL_S

    def _probe(self) -> int:
        """Give the period to the one call that may be sent. Raises Open for the others."""
        assert self._state.until is not None
        if self._state.in_flight or self._clock() < self._state.until:
            raise self._refusal()
        self._state.in_flight = 1
        return self._state.period

    async def _wait(self, exchange: Exchange) -> int:
        """Wait in line for a period. Raises Open when it opens, Unavailable at the deadline."""
        loop, began = asyncio.get_running_loop(), self._clock()
        waiting: asyncio.Future[int] = loop.create_future()
        self._state.line.append(waiting)
        alarm = loop.call_later(exchange.deadline - began, _dismiss, waiting)
        try:
            period = await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled():  # it had its place already
                self._left(waiting.result())
            raise
        finally:
            alarm.cancel()
            with suppress(ValueError):
                self._state.line.remove(waiting)
            exchange.waited_s += self._clock() - began
        if period == self._state.period:  # else it has opened since this call was let in
            return period
        if self._state.until is not None:
            raise self._refusal()
        raise Unavailable(
            f"integration '{self._target.name}': no call before it was answered within timeout.total",
            retry_after_s=_PROBE_RETRY_AFTER_S,
        )

    def _succeeded(self, period: int) -> None:
        """End a call that was answered."""
        if period != self._state.period:
            return
        self._state.in_flight -= 1
        if self._share is not None:
            self._share.add(failed=False)
        if self._state.room < _UNBOUNDED:
            self._recover()

    def _failed(self, period: int, what: str) -> None:
        """End a call that failed; `what` it failed with, in a word."""
        if period != self._state.period:
            return
        self._state.in_flight -= 1
        self._state.in_a_row += 1
        if self._share is not None:
            self._share.add(failed=True)
        if self._state.until is not None:
            self._open(f"the probe failed: {what}")
        elif self._state.in_a_row >= self._failures or self._is_down:
            many = f"{self._state.in_a_row} failures in a row, the last: " if self._state.in_a_row > 1 else ""
            self._open(f"{many}{what}")
        elif self._share is not None and (why := self._share.too_high()):
            self._open(why)
        else:
            # One less under way, and room for one less: nobody in line can go.
            self._state.room = self._failures - self._state.in_a_row

    @property
    def _is_down(self) -> bool:
        """Whether the provider says so itself."""
        incident = self._target.incident
        return incident is not None and incident.down

    def _left(self, period: int) -> None:
        """End a call that says nothing about the target."""
        if period == self._state.period:
            self._state.in_flight -= 1
            self._let_in()

    def _open(self, why: str) -> None:
        self._begin(room=0)
        open_s = self._open_s * (_DOWN_PERIODS if self._is_down else 1)
        self._state.until, self._state.why = self._clock() + open_s, why
        line, self._state.line = self._state.line, deque()
        for waiting in line:
            _dismiss(waiting)
        self._events.emit(BreakerOpened(self._target, open_s, why))

    def _recover(self) -> None:
        if self._state.until is None:
            self._state.room, self._state.in_a_row = _UNBOUNDED, 0
            self._let_in()
        else:
            self._begin(room=_UNBOUNDED)
            self._state.until = None
            self._events.emit(BreakerClosed(self._target))

    def _begin(self, *, room: int) -> None:
        """Begin a period of which nothing is known yet."""
        self._state.period += 1
        self._state.room = room
        self._state.in_flight = self._state.in_a_row = 0
        if self._share is not None:
            self._share.clear()

    def _let_in(self) -> None:
        while self._state.line and self._state.in_flight < self._state.room:
            waiting = self._state.line.popleft()
            if not waiting.done():
                self._state.in_flight += 1
                waiting.set_result(self._state.period)

    def _refusal(self) -> Open:
        assert self._state.until is not None
        left_s = self._state.until - self._clock()
        whose = f"integration '{self._target.name}': the breaker is"
        if left_s > 0:
            return Open(f"{whose} open: {self._state.why}", retry_after_s=left_s)
        return Open(
            f"{whose} half-open: one call finds out whether the provider is back",
            retry_after_s=_PROBE_RETRY_AFTER_S,
        )


def _dismiss(waiting: asyncio.Future[int]) -> None:
    if not waiting.done():
        waiting.set_result(0)


@hookimpl
def outrider_target_layers(target: Target, events: Events) -> Iterable[Layer[Attempt]]:
    """Give a breaker to the targets that have a `breaker` table."""
    options = target.config.breaker
    if options is None:
        return []
    return [Layer(stage=Stage.BREAK, wrap=Circuit(target, options, events).wrap)]
