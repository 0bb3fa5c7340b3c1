"""Time that stands still until a test moves it."""

import asyncio
from bisect import insort


class FakeClock:
    """A monotonic clock and its `sleep`; both move only by `advance`.

    Times are kept to the nanosecond, so that three times 0.1 s is 0.3 s.
    """

    def __init__(self, now_s: float = 1000.0) -> None:
        self._now_s = now_s
        self._order = 0
        self._fell_asleep = asyncio.Event()
        # The mutable state of a clock is the sleepers, the next to wake first.
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        """Return the time in seconds, as `time.monotonic` and `loop.time` do."""
        return self._now_s

    def __repr__(self) -> str:
        return f"<FakeClock at {self._now_s:g} s, {self.sleepers} asleep>"

    @property
    def sleepers(self) -> int:
        """How many are asleep."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def asleep(self, count: int = 1) -> None:
        """Return once so many are asleep: what a test awaits before it advances."""
        while self.sleepers < count:
            self._fell_asleep.clear()
            await self._fell_asleep.wait()

    def advance(self, seconds: float) -> None:
        """Move time forward and wake whoever is due, in the order of their times.

        One who sleeps again counts from the time reached, not from the time at which it was due.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds:g} s")
        self._now_s = self._after(seconds)
        while self._sleepers and self._sleepers[0][0] <= self._now_s:
            _, _, woken = self._sleepers.pop(0)
            if not woken.done():
                woken.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Return once time has been advanced by so many seconds; at once (but yielding) for 0 or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._order += 1
        woken = asyncio.get_running_loop().create_future()
        insort(self._sleepers, (self._after(seconds), self._order, woken))
        self._fell_asleep.set()
        await woken

    def _after(self, seconds: float) -> float:
        return round(self._now_s + seconds, 9)
