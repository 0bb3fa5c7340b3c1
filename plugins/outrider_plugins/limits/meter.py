"""Meters: what one limit has let pass, and when it lets the next one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from outrider.config import Limit

Clock: TypeAlias = Callable[[], float]
Matcher: TypeAlias = Callable[[str, str], bool]

#: Less is an error of floating point: a clock that has run for years is exact to 15 ns.
ROUNDING_S = 1e-7
_MANY = 2**62


class _Time:
    """What aiolimiter asks of an event loop."""

    __slots__ = ("time",)

    def __init__(self, clock: Clock) -> None:
        self.time = clock


class Bucket(AsyncLimiter):
    """aiolimiter's leaky bucket, asked without waiting: it holds `burst` turns and leaks `rate` a second.

    Any window of T seconds has at most burst + rate * T turns. `burst` is one second's worth of the
    rate unless given, at least 1: 20/s holds 20, 100/m holds 2, 5/h holds 1.
    Of aiolimiter's private names it uses `_loop`, for the time, and `_level`.
    """

    __slots__ = ("_almost_one", "_time", "rate")

    def __init__(self, rate: float, burst: float | None = None, *, clock: Clock = time.monotonic) -> None:
        capacity = burst or max(1, math.ceil(rate - 1e-9))
        super().__init__(capacity, capacity / rate)
        self.rate = rate
        self._time = _Time(clock)
        self._almost_one = max(0.5, 1 - rate * ROUNDING_S)

    @property
    def _loop(self) -> Any:
        return self._time

    def __repr__(self) -> str:
        return f"<Bucket {self.rate:g}/s, {self._level:.1f} of {self.max_rate:g} taken>"

    def has_room(self) -> bool:
        """Whether one more fits now."""
        return self.has_capacity(self._almost_one)

    def take(self) -> bool:
        """Count one if there is room, and say whether there was."""
        if self.has_capacity(self._almost_one):
            self._level += 1
            return True
        return False

    def count(self) -> None:
        """Count one without asking."""
        self._level += 1

    def give_back(self) -> None:
        """Undo one that was counted and not used."""
        self.has_capacity()
        self._level = max(0.0, self._level - 1)

    def wait_s(self, ahead: int = 0, shut_s: float = 0.0) -> float:
        """Seconds until one more fits, with so many ahead of it, and nothing passing for `shut_s` first."""
        over = self._level_after(shut_s) + 1 + ahead - self.max_rate
        wait_s = shut_s + max(0.0, over / self.rate)
        return wait_s if wait_s > ROUNDING_S else 0.0

    def turns_within(self, seconds: float, shut_s: float = 0.0) -> int:
        """How many fit within so many seconds, nothing passing for `shut_s` first."""
        if seconds < shut_s:
            return 0
        return max(0, int(self.max_rate - self._level_after(shut_s) + (seconds - shut_s) * self.rate + 1e-6))

    def _level_after(self, seconds: float) -> float:
        self.has_capacity()  # leaks up to now
        return max(0.0, self._level - seconds * self.rate)


class Meter:
    """One limit: a rate, a concurrency, or both; one that observes counts and refuses nothing."""

    __slots__ = (
        "_clock",
        "_full_at",
        "_pace_s",
        "bucket",
        "concurrency",
        "hold_until",
        "in_flight",
        "matches",
        "name",
        "observe",
        "wait_s",
        "waiting",
        "would_have_limited",
    )

    def __init__(
        self,
        name: str,
        *,
        bucket: Bucket | None = None,
        concurrency: int | None = None,
        wait_s: float = 5.0,
        observe: bool = False,
        matches: Matcher | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = name
        self.bucket = bucket
        self.concurrency = concurrency
        self.wait_s = wait_s
        self.observe = observe
        self.matches = matches
        self.hold_until = 0.0  # by `clock`; set it with Turns.hold
        self.in_flight = 0  # counted only where there is a concurrency
        self.waiting = 0
        self.would_have_limited = 0
        self._clock = clock
        self._full_at = 0.0
        self._pace_s: float | None = None

    @classmethod
    def configured(cls, limit: Limit, *, clock: Clock = time.monotonic) -> Meter:
        """Make the meter of one `[[limits]]` table."""
        rate, calls = limit.rate, limit.endpoints
        words = [str(rate)] if rate else []
        words += [f"concurrency {limit.concurrency}"] if limit.concurrency else []
        return cls(
            ", ".join(words),
            bucket=Bucket(rate.count / rate.per_s, limit.burst, clock=clock) if rate else None,
            concurrency=limit.concurrency,
            wait_s=limit.wait,
            observe=limit.observe,
            matches=None
            if calls is None
            else lambda method, path: any(c.matches(method, path) for c in calls),
            clock=clock,
        )

    def __repr__(self) -> str:
        return f"<Meter {self.name}, {self.in_flight} in flight, {self.waiting} waiting>"

    def has_room(self) -> bool:
        """Whether one more may pass now, whoever else waits."""
        if self.concurrency is not None and self.in_flight >= self.concurrency:
            return False
        if self.hold_until and self.hold_until > self._clock():
            return False
        return self.bucket is None or self.bucket.has_room()

    def count(self) -> None:
        """Count one that passes."""
        if self.observe and not self.has_room():
            self.would_have_limited += 1  # and not counted: an enforced limit would not have let it pass
        elif self.bucket is not None:
            self.bucket.count()
        if self.concurrency is not None:
            self.in_flight += 1
            if self.in_flight == self.concurrency:
                self._full_at = self._clock()

    def free_slot(self) -> None:
        """Undo the part of `count` that lasts as long as the call."""
        if self.concurrency is not None:
            if self.in_flight == self.concurrency:
                now = self._clock()
                gap_s, self._full_at = now - self._full_at, now
                self._pace_s = gap_s if self._pace_s is None else 0.8 * self._pace_s + 0.2 * gap_s
            self.in_flight -= 1

    def due_s(self, ahead: int = 0) -> float:
        """Seconds until rate and hold let one more pass, with so many ahead of it."""
        shut_s = max(0.0, self.hold_until - self._clock()) if self.hold_until else 0.0
        return shut_s if self.bucket is None else self.bucket.wait_s(ahead, shut_s)

    def slot_s(self, ahead: int = 0) -> float:
        """Guess the seconds until a slot is free: at the pace of late, or as long as none has been."""
        if self.concurrency is None or self.in_flight + ahead < self.concurrency:
            return 0.0
        pace_s = self._clock() - self._full_at if self._pace_s is None else self._pace_s
        return pace_s * (self.in_flight + ahead + 1 - self.concurrency)

    def turns_within(self, seconds: float) -> int:
        """How many could pass within so many seconds if no slot came free."""
        shut_s = max(0.0, self.hold_until - self._clock()) if self.hold_until else 0.0
        turns = _MANY if self.concurrency is None else max(0, self.concurrency - self.in_flight)
        if self.bucket is not None:
            return min(turns, self.bucket.turns_within(seconds, shut_s))
        return turns if seconds >= shut_s else 0


def longest_wait_s(meters: Sequence[Meter]) -> float:
    """Give how long a call waits that passes these, the provider's own last: as the strictest of ours says.

    What the provider holds back is waited for as long as that; where no limit of ours is for the call, 5 s.
    """
    *ours, told = meters
    return min((meter.wait_s for meter in ours if not meter.observe), default=told.wait_s)
