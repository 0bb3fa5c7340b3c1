"""A lane: the deliveries of one integration, a few at a time.

It asks the store for what is due whenever it has room, and sleeps until the next job is. While the breaker
is open, there is no turn at a limit, or nobody answers, nothing of it is sent: a lane never waits in line
before a live call. A job that fails, or has no turn at a limit of its endpoint, comes back by its own
schedule, and holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic, time
from typing import TYPE_CHECKING

from outrider.config import Jobs as Options
from outrider.plugin import Integration, Unavailable, spawn

from .delivery import Delivery, Hold
from .job import DONE, QUEUED, Outcome

if TYPE_CHECKING:
    from .queue import Queue

LOG = logging.getLogger("outrider.jobs")

#: Seconds: between two tries to write while the disk does not let us, and the longest pause of a lane.
_AGAIN_S = 1.0
_LONGEST_PAUSE_S = 30.0
_IDLE_S = 60.0
#: Jobs that are passed over at once, and how many of them are asked again in a second.
_MOST_HELD = 1000
_ASKED_PER_S = 10.0


class Lane:
    """The jobs of one integration."""

    def __init__(self, name: str, queue: Queue) -> None:
        self.name = name
        self._queue = queue
        self._wake = asyncio.Event()
        # The mutable state of a lane: what is under way, what of it can still be broken off, what is not to
        # be begun, what is passed over until when, and until when nothing is begun.
        self.in_flight: dict[int, asyncio.Task[None]] = {}
        self._sending: set[int] = set()
        self._barred: set[int] = set()
        self._held: dict[int, float] = {}
        self._paused_until = 0.0
        self._why = self._why_held = ""
        self._unreachable = 0
        self._task = spawn(self._run(), name=f"jobs {name}")

    def __repr__(self) -> str:
        return f"<Lane {self.name}, {len(self.in_flight)} in flight{', paused' if self.paused else ''}>"

    @property
    def paused(self) -> str:
        """Why nothing is sent for now, or not all of it; "" where that is not so."""
        now = monotonic()
        if self._paused_until > now:
            return self._why
        return f"some of them, {self._why_held}" if any(u > now for u in self._held.values()) else ""

    def wake(self) -> None:
        """Look for what is due."""
        self._wake.set()

    def resume(self) -> None:
        """End a pause: the target answers again, or is another one."""
        self._paused_until, self._unreachable = 0.0, 0
        self._held.clear()
        self._wake.set()

    @asynccontextmanager
    async def barred(self, seq: int) -> AsyncIterator[bool]:
        """Break off the delivery of a job, and begin none meanwhile; whether one was not settled yet."""
        self._barred.add(seq)
        try:
            task, sending = self.in_flight.get(seq), seq in self._sending
            if task is not None:
                if sending:
                    task.cancel()
                await asyncio.wait([task])
            yield sending
        finally:
            self._barred.discard(seq)
            self._wake.set()

    async def stop(self, by: float) -> None:
        """Send nothing new; let what is under way end until then (by `monotonic`), and release the rest."""
        self._task.cancel()
        tasks = list(self.in_flight.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=max(0.0, by - monotonic()))
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait_s = await self._turn()
            except Unavailable:
                wait_s = _AGAIN_S
            except Exception:
                LOG.exception("integration '%s': its jobs pause", self.name)
                wait_s = _AGAIN_S
            try:
                await asyncio.wait_for(self._wake.wait(), wait_s)
            except TimeoutError:
                continue

    async def _turn(self) -> float:
        """Start what is due and has room; give the seconds until there may be more."""
        integration = self._queue.integration(self.name)
        if integration is None:
            return _IDLE_S
        store = await self._queue.ready()
        now = time()
        if await store.overdue(self.name, now, self.in_flight):
            given_up = await store.expire(self.name, now, self.in_flight)
            LOG.warning("integration '%s': %d jobs were given up, their time is over", self.name, given_up)
            if given_up:
                self._queue.gave_up(self.name, given_up)
            return 0.0
        pause_s = self._paused_until - monotonic()
        if pause_s > 0:
            return min(pause_s, _AGAIN_S)
        # After nobody answered, one job finds out whether somebody does again.
        room = (1 if self._unreachable else most_at_once(integration)) - len(self.in_flight)
        if room <= 0:
            return _AGAIN_S
        self._held = {seq: until for seq, until in self._held.items() if until > monotonic()}
        found = await store.due(self.name, now, room, {*self.in_flight, *self._barred, *self._held})
        for seq in found:
            if seq in self._barred:
                continue
            self._sending.add(seq)
            self.in_flight[seq] = spawn(self._deliver(seq), name=f"job of {self.name}")
        if len(found) == room:
            return _IDLE_S
        wait_s = min((until - monotonic() for until in self._held.values()), default=_IDLE_S)
        next_due = await store.next_due(self.name, now)
        if next_due is not None:
            wait_s = min(wait_s, next_due - time())
        return min(_IDLE_S, max(0.0, wait_s) + 0.001)

    async def _deliver(self, seq: int) -> None:
        try:
            store = await self._queue.ready()
            row = await store.load(seq)
            integration, table = self._queue.integration(self.name), self._queue.table
            if row is None or integration is None or row["until"] <= time():
                return
            outcome = await Delivery(table, integration, store, row).run()
            if isinstance(outcome, Hold):
                self._hold(seq, outcome)
                return
            self._sending.discard(seq)
            await self._settle(outcome)
            if outcome.state == DONE:
                store.bodies.remove(row["id"], response=False)
            self._reckon(outcome)
            self._queue.settled(self.name, row, outcome)
        except Unavailable as failed:
            self._pause(_AGAIN_S, failed.detail)
        except Exception:
            # A row that cannot be read or written back would be sent again and again.
            self._barred.add(seq)
            LOG.exception("integration '%s': job number %d is left alone until a restart", self.name, seq)
        finally:
            self._sending.discard(seq)
            self.in_flight.pop(seq, None)
            self._wake.set()

    async def _settle(self, outcome: Outcome) -> None:
        """Write down what came of it, however long the disk takes: it must not be sent again meanwhile."""
        while True:
            try:
                store = await self._queue.ready()
                await store.settle(outcome)
                return
            except Unavailable:
                await asyncio.sleep(_AGAIN_S)

    def _reckon(self, outcome: Outcome) -> None:
        """After nobody answered, wait longer each time before the next job asks."""
        if outcome.reached or outcome.state != QUEUED:
            if self._unreachable:
                self.resume()
            return
        options = self._queue.options(self.name)
        self._unreachable += 1
        pause_s = min(options.base * 2 ** min(self._unreachable - 1, 16), options.cap, _LONGEST_PAUSE_S)
        self._pause(pause_s, outcome.reason)

    def _hold(self, seq: int, hold: Hold) -> None:
        """Begin nothing for a while; where only some endpoints are limited, this job alone waits."""
        if not hold.narrow or len(self._held) >= _MOST_HELD:
            self._pause(hold.seconds, hold.why)
            return
        wait_s = max(min(hold.seconds, _LONGEST_PAUSE_S), len(self._held) / _ASKED_PER_S)
        self._held[seq] = monotonic() + wait_s
        self._why_held = hold.why

    def _pause(self, seconds: float, why: str) -> None:
        self._paused_until = max(self._paused_until, monotonic() + min(seconds, _LONGEST_PAUSE_S))
        self._why = why


def most_at_once(integration: Integration) -> int:
    """How many deliveries may be under way: of the slots of a limit, half are left to live calls."""
    options, limits = integration.config.jobs or Options(), integration.config.limits or ()
    slots = [max(1, limit.concurrency // 2) for limit in limits if limit.concurrency and not limit.observe]
    return min(options.concurrency, *slots) if slots else options.concurrency
