"""Deliver alerts to one place: together, not too often, again after a failure, and never in a call's way.

What has to be told is a bounded set, the newest word of each alert: one that is over before anybody was told
of it is not told at all. A task empties it:

1. `group` after the first, so that what belongs together goes out together.
2. At least `every` after the message before.
3. After a failure again, each time later, until it is an hour old; then it is dropped, and the log says so.
4. What lasts is told again each `repeat` (Alertmanager: each minute, as its API wants it).
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic, time

from outrider.config import BaseUrl
from outrider.plugin import Field, OutriderError, fetch

from .alert import Alert, Key

LOG = logging.getLogger("outrider.alerts")

#: Alerts that wait for delivery, and those of one message.
_MOST, _BATCH = 500, 50
#: Seconds after the first failure, doubled with each, and the longest.
_PAUSE_S, _PAUSE_MAX_S = 1.0, 300.0
#: What could not be delivered for so long is no news.
_OLD_S = 3600.0
_TIMEOUT_S = 10.0
#: Seconds that the end of the program leaves for a last message.
LAST_S = 2.0

Where = Callable[[], "tuple[BaseUrl, str, list[Field]]"]
"""The URL to post to, what follows it, and further fields: asked each time, since secrets rotate."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a place is told, in seconds."""

    group: float
    every: float
    repeat: float


class Mailbox:
    """What one place has to be told."""

    def __init__(
        self,
        name: str,
        where: Where,
        write: Callable[[list[Alert]], bytes],
        pace: Pace,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time,
    ) -> None:
        self._name = name
        self._where = where
        self._write = write
        self.pace = pace
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._waiting: dict[Key, Alert] = {}
        self._told: dict[Key, Alert] = {}
        """What it believes to be on."""
        self._arrived = asyncio.Event()
        self._last = -math.inf
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Mailbox {self._name}, {len(self._waiting)} waiting>"

    def put(self, alert: Alert) -> None:
        """Have an alert told, as it is now. Never waits."""
        if alert.ended is not None and alert.key not in self._told:
            self._waiting.pop(alert.key, None)
            return
        if len(self._waiting) >= _MOST and alert.key not in self._waiting:
            self._drop(next(iter(self._waiting)), "too many are waiting")
        self._waiting[alert.key] = alert
        self._arrived.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._something()
            while self._waiting:
                await self._sleep(max(0.0, self._last + self.pace.every - self._clock()))
                if not await self.deliver():
                    await self._sleep(self._pause_s())
                    self._drop_old()

    async def _something(self) -> None:
        """Wait until there is something to tell, new or again."""
        again_s = max(0.0, self._last + self.pace.repeat - self._clock()) if self._told else None
        self._arrived.clear()
        if not self._waiting:
            try:
                await asyncio.wait_for(self._arrived.wait(), again_s)
            except TimeoutError:
                self._waiting.update(self._told)
                return
        await self._sleep(self.pace.group)

    async def deliver(self) -> bool:
        """Send one message of what is waiting; whether it arrived."""
        batch = list(self._waiting.values())[:_BATCH]
        if not batch:
            return True
        state = [alert.ended for alert in batch]
        why = ""
        try:
            url, path, fields = self._where()
            answer = await fetch(
                "POST",
                url,
                path,
                headers=[(b"Content-Type", b"application/json"), (b"User-Agent", b"outrider"), *fields],
                body=self._write(batch),
                timeout_s=_TIMEOUT_S,
            )
            why = "" if 200 <= answer.status < 300 else f"it answered {answer.status}"
        except OutriderError as error:
            why = error.detail
        if why:
            self._failures += 1
            if self._failures == 1:
                LOG.warning("alerts: %s is not told: %s; it is tried again", self._name, why)
            return False
        if self._failures:
            LOG.warning("alerts: %s is told again", self._name)
        self._failures, self._last = 0, self._clock()
        for alert, ended in zip(batch, state, strict=True):
            if self._waiting.get(alert.key) is alert and alert.ended == ended:
                del self._waiting[alert.key]
            if ended is not None:
                self._told.pop(alert.key, None)
                continue
            self._told[alert.key] = alert
            if alert.ended is not None:  # while the message was on its way
                self._waiting.setdefault(alert.key, alert)
        return True

    def _pause_s(self) -> float:
        longest = min(_PAUSE_MAX_S, _PAUSE_S * 2.0 ** min(self._failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that not all come back at once

    def _drop_old(self) -> None:
        for key, alert in list(self._waiting.items()):
            if self._now() - (alert.ended or alert.since) > _OLD_S:
                self._drop(key, "it could not be told for an hour")

    def _drop(self, key: Key, why: str) -> None:
        alert = self._waiting.pop(key)
        LOG.error("alerts: %s is not told, since %s: %s", self._name, why, alert.line)
