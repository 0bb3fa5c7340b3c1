"""A world of meters on a fake clock, in which callers come, wait for their turn and leave."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush

from outrider.testing import FakeClock
from outrider_plugins.limits.meter import Bucket, Meter
from outrider_plugins.limits.turns import Turns, WouldWait


class Timer:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """A fake clock with timers, which may be as rough as uvloop's: whole milliseconds, half a one early."""

    def __init__(self, rough: bool = False) -> None:
        self.clock = FakeClock()
        self.rough = rough
        self.looked = 0
        self.most_timers = 0
        self.granted: list[tuple[float, object]] = []
        self.refused: list[tuple[float, object, float]] = []
        self._timers: list[tuple[float, int, Timer]] = []

    def now(self) -> float:
        self.looked += 1
        return self.clock()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(max(self.clock(), round(when, 3)) if self.rough else when, callback)
        heappush(self._timers, (timer.when, id(timer), timer))
        self.most_timers = max(self.most_timers, sum(not timer.cancelled for *_, timer in self._timers))
        return timer

    def meter(self, rate: float | None = None, burst: float | None = None, slots: int | None = None) -> Meter:
        bucket = None if rate is None else Bucket(rate, burst, clock=self.now)
        return Meter("x", bucket=bucket, concurrency=slots, clock=self.now)

    def turns(self, *meters: Meter) -> Turns:
        return Turns(meters, clock=self.now, call_at=self.call_at)

    def call(
        self, turns: Turns, meters: tuple[Meter, ...], name: object, wait_s: float = 1e6
    ) -> asyncio.Task[None]:
        """Begin a call, as the layer does: a turn at once, or a place in line."""

        async def called() -> None:
            try:
                if not turns.take(meters):
                    await turns.wait(meters, until=self.clock() + wait_s)
            except WouldWait as exc:
                self.refused.append((self.clock(), name, exc.retry_after_s))
            else:
                self.granted.append((self.clock(), name))

        return asyncio.ensure_future(called())

    async def run(self, seconds: float = 0.0) -> None:
        """Let time pass, timers fire in their order, and everybody come to rest."""
        end = self.clock() + seconds
        await settled()
        while self._timers and self._timers[0][0] <= end:
            timer = heappop(self._timers)[2]
            self.clock.advance(max(0.0, timer.when - self.clock()))
            if not timer.cancelled:
                timer.callback()
                await settled()
        self.clock.advance(max(0.0, end - self.clock()))
        await settled()

    def names(self) -> list[object]:
        return [name for _, name in self.granted]


async def settled() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def run(scenario: Coroutine[object, object, None]) -> None:
    """Run a scenario to its end, and end whoever still waits."""

    async def whole() -> None:
        await scenario
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(whole())


def most_in_a_second(times: list[float]) -> int:
    return max((bisect_right(times, start + 1.0) - index for index, start in enumerate(times)), default=0)
