"""Turns: calls pass any number of meters at once, first come first served.

The mutable state is the lines of waiters, one line for each set of meters, and each meter's level.

1. A call takes its turn from all its meters at the same moment, or from none.
2. Calls of the same set of meters go in the order in which they came.
3. A call may pass one that came before and waits for a meter which this call does not use, if the
   earlier one is not delayed by it. A slot of a concurrency limit has no foreseeable end, so a free
   one is kept for the first who needs it; a rate is foreseeable, so its turns are lent meanwhile.
4. So the oldest waiter is delayed by nobody: nothing starves.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol, TypeAlias

from .meter import ROUNDING_S, Clock, Meter

#: uvloop's timers are whole milliseconds and may fire half a one early: a timer is never nearer.
_TICK_S = 0.001
#: How often a prediction that depends on itself is refined.
_ROUNDS = 8
_SPARE = 64


class WouldWait(Exception):
    """A turn cannot come in time; a call that comes back after `retry_after_s` would get one."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"the next turn is {retry_after_s:.3f} s away")
        self.retry_after_s = retry_after_s


class SentAway(Exception):
    """The line was dissolved: whoever waited in it chooses again."""


class Timer(Protocol):
    """What `call_at` gives."""

    def cancel(self) -> object:
        """Do not fire."""


CallAt: TypeAlias = Callable[[float, Callable[[], None]], Timer]
Meters: TypeAlias = tuple[Meter, ...]
_Refusal: TypeAlias = "WouldWait | SentAway | None"  # None: the turn is granted


class _Waiter:
    __slots__ = ("key", "meters", "order", "turn", "until")

    def __init__(self, order: int, meters: Meters, until: float, turn: asyncio.Future[_Refusal]) -> None:
        self.order = order
        self.meters = meters
        self.key = tuple(meter for meter in meters if not meter.observe)
        self.until = until
        self.turn = turn


class Turns:
    """The turns of all calls over some meters. One loop, one timer, no tasks.

    `clock` and `call_at` share their base, as `time.monotonic` and `loop.call_at` do on Linux,
    with asyncio's loop and with uvloop's.
    """

    def __init__(self, meters: Iterable[Meter], *, clock: Clock = time.monotonic, call_at: CallAt) -> None:
        self.meters: Meters = tuple(meters)
        self.waiting = 0
        self._clock = clock
        self._call_at = call_at
        self._lines: dict[Meters, OrderedDict[int, _Waiter]] = {}
        self._deadlines: list[tuple[float, int, _Waiter]] = []  # a heap; who left stays for a while
        self._order = count()
        self._timer: Timer | None = None
        self._timer_at = math.inf

    def __repr__(self) -> str:
        return f"<Turns {self.waiting} waiting, {', '.join(meter.name for meter in self.meters)}>"

    def take(self, meters: Meters) -> bool:
        """Take a turn at once, if nobody waits on any of the meters and all have room."""
        for meter in meters:
            if not meter.observe and (meter.waiting or not meter.has_room()):
                return False
        for meter in meters:
            meter.count()
        return True

    async def wait(self, meters: Meters, *, until: float) -> float:
        """Wait in line for a turn, until that moment of the clock at most; give the seconds waited.

        Raises WouldWait: at once when rates and holds cannot let the call pass in time, else at `until`.
        Raises SentAway when `send_away` dissolves the line.
        """
        began = self._clock()
        waiter = _Waiter(next(self._order), meters, until, asyncio.get_running_loop().create_future())
        if began + self._due_s(waiter.key) > until + ROUNDING_S:
            raise WouldWait(self.back_after_s(waiter.key))
        self._join(waiter)
        self.serve()
        try:
            refused = await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                self._leave(waiter)
            elif waiter.turn.result() is None:
                for meter in meters:
                    if meter.bucket is not None and not meter.observe:
                        meter.bucket.give_back()
                    meter.free_slot()
            self.serve()
            raise
        if refused is not None:
            raise refused
        return self._clock() - began

    def done(self, meters: Meters) -> None:
        """Give back the concurrency slots of an attempt that ended."""
        freed = False
        for meter in meters:
            if meter.concurrency is not None:
                meter.free_slot()
                freed = True
        if freed and self.waiting:
            self.serve()

    def hold(self, meter: Meter, until: float) -> None:
        """Let nothing pass a meter before that moment; who can no longer make it is refused at once."""
        if until == meter.hold_until:
            return
        meter.hold_until = until
        if not meter.waiting:
            return
        now = self._clock()
        for key, line in list(self._lines.items()):
            ahead = 0
            for waiter in list(line.values()) if meter in key else ():
                if waiter.turn.done():
                    continue
                if now + max(m.due_s(ahead) for m in key) > waiter.until + ROUNDING_S:
                    self._refuse(waiter)
                else:
                    ahead += 1
        self.serve()

    def send_away(self, meter: Meter, most: float = math.inf) -> None:
        """Let those who wait on a meter choose again, the oldest first: they get SentAway."""
        while most > 0 and (oldest := next((one for one in self._heads() if meter in one.key), None)):
            self._leave(oldest)
            oldest.turn.set_result(SentAway())
            most -= 1

    def serve(self) -> None:
        """Grant every turn that is due, refuse whoever has waited long enough, and set the timer."""
        while True:
            head, wake_at = self._next()
            while head is not None:
                self._leave(head)
                for meter in head.meters:
                    meter.count()
                head.turn.set_result(None)
                head, wake_at = self._next()
            if not self._refuse_late():
                break
        if self._deadlines:
            wake_at = min(wake_at, self._deadlines[0][0])
        if wake_at < math.inf:
            wake_at = max(wake_at, self._clock() + _TICK_S)
        if self._timer is not None and (wake_at == math.inf or wake_at < self._timer_at):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and wake_at < math.inf:
            # One that is set for an earlier moment stays: it fires, and sets the next.
            self._timer, self._timer_at = self._call_at(wake_at, self._fired), wake_at

    def _fired(self) -> None:
        self._timer = None
        self.serve()

    def _next(self) -> tuple[_Waiter | None, float]:
        """Give the first who may pass now; or None, and when to look again.

        Those who came earlier and cannot pass yet claim what they will need of each meter:
        1. a slot, always; a call that has to wait for a slot claims nothing else;
        2. a turn of each rate by the moment at which they can pass.
        """
        wake_at = math.inf
        slots: dict[Meter, int] = {}
        rates: dict[Meter, tuple[int, float]] = {}
        for head in self._heads():
            lacks_slot = False
            for meter in head.key:
                if meter.concurrency is not None:
                    claimed = slots.get(meter, 0)
                    lacks_slot |= meter.in_flight + claimed >= meter.concurrency
                    slots[meter] = claimed + 1
            if lacks_slot:
                continue  # `done` serves
            due_s = max((meter.due_s() for meter in head.key), default=0.0)
            if due_s > 0:
                wake_at = min(wake_at, self._clock() + due_s)
            elif all(m.due_s(rates[m][0]) <= rates[m][1] for m in head.key if m in rates):
                return head, wake_at
            for meter in head.key:
                claims, first_s = rates.get(meter, (0, math.inf))
                rates[meter] = claims + 1, min(first_s, due_s)
        return None, wake_at

    def _heads(self) -> list[_Waiter]:
        heads = []
        for line in list(self._lines.values()):
            while line:
                head = next(iter(line.values()))
                if not head.turn.done():
                    heads.append(head)
                    break
                self._leave(head)  # cancelled, and its task has not run yet
        heads.sort(key=lambda waiter: waiter.order)
        return heads

    def _join(self, waiter: _Waiter) -> None:
        self._lines.setdefault(waiter.key, OrderedDict())[waiter.order] = waiter
        for meter in waiter.key:
            meter.waiting += 1
        self.waiting += 1
        if waiter.until < math.inf:
            if len(self._deadlines) > 2 * self.waiting + _SPARE:
                self._deadlines = [entry for entry in self._deadlines if not entry[2].turn.done()]
                heapify(self._deadlines)
            heappush(self._deadlines, (waiter.until, waiter.order, waiter))

    def _leave(self, waiter: _Waiter) -> None:
        line = self._lines.get(waiter.key)
        if line is None or line.pop(waiter.order, None) is None:
            return
        if not line:
            del self._lines[waiter.key]
        for meter in waiter.key:
            meter.waiting -= 1
        self.waiting -= 1

    def _refuse(self, waiter: _Waiter) -> None:
        self._leave(waiter)
        waiter.turn.set_result(WouldWait(self.back_after_s(waiter.key)))

    def _refuse_late(self) -> bool:
        refused = False
        now = self._clock()
        while self._deadlines and (self._deadlines[0][0] <= now or self._deadlines[0][2].turn.done()):
            waiter = heappop(self._deadlines)[2]
            if not waiter.turn.done():
                self._refuse(waiter)
                refused = True
        return refused

    def _due_s(self, key: Meters) -> float:
        """Seconds before which a newcomer cannot pass, by rates and holds and those ahead of it."""
        due_s = 0.0
        for _ in range(_ROUNDS):
            later_s = max((meter.due_s(sum(self._ahead(meter, key, due_s))) for meter in key), default=0.0)
            if later_s <= due_s:
                break
            due_s = later_s
        return due_s

    def back_after_s(self, meters: Meters) -> float:
        """Seconds after which a newcomer would pass: what is certain, and a guess at the slots."""
        key = tuple(meter for meter in meters if not meter.observe)
        return max(0.0, self._due_s(key), *(meter.slot_s(meter.waiting) for meter in key))

    def _ahead(self, meter: Meter, key: Meters, within_s: float) -> Iterator[int]:
        """How many of each line pass a meter before a newcomer does, within so many seconds, at least."""
        for other, line in self._lines.items() if meter.waiting else ():
            if meter in other:
                ahead = len(line)
                for foreign in other:
                    if foreign not in key:
                        rivals = foreign.waiting - len(line)
                        ahead = min(ahead, foreign.turns_within(within_s) - rivals)
                yield max(0, ahead)
