"""The alerts that are on: begun by a sign of trouble, told once, over when it is over.

Where the provider's status page may tell the reason it is looked at first; the calls do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from time import time

from outrider.logs import REDACTOR
from outrider.plugin import Target, spawn
from outrider_plugins.statuspages import PAGES, Pages

from .alert import KINDS, Alert, Key

LOG = logging.getLogger("outrider.alerts")

#: Alerts that are on at a time; statuses are part of their keys, and those the provider chooses.
_MOST = 1000
#: Characters of a line: names of limits and clients come from elsewhere.
_LONGEST = 500


class Book:
    """Every alert that is on."""

    def __init__(
        self,
        *,
        pages: Pages = PAGES,
        now: Callable[[], float] = time,
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self.tell: Callable[[Alert], None] = _nothing
        """Called with each alert that begins, and with each of these that ends."""
        self.reloaded: Callable[[], None] = _nothing
        """Called when a new configuration is in force."""
        self._pages = pages
        self._now = now
        self._call_later = call_later or _call_later
        self._on: dict[Key, Alert] = {}

    def __repr__(self) -> str:
        return f"<Book of {len(self._on)} alerts>"

    @property
    def on(self) -> list[Alert]:
        """Those that are on and were told."""
        return [alert for alert in self._on.values() if alert.said]

    def begin(
        self, name: str, kind: str, reason: str, text: str, target: Target | None = None, id: str = ""
    ) -> None:
        """Take in a sign of trouble: it begins an alert, or is one more of an alert that is on.

        With a `target` the status page of its provider is looked at first. `id` is the exchange's.
        """
        key = (name, kind, reason)
        alert, now = self._on.get(key), self._now()
        if alert is not None:
            alert.seen = now
            return
        if len(self._on) >= _MOST:
            return
        alert = self._on[key] = Alert(key, REDACTOR.clean(text)[:_LONGEST], now, id)
        quiet_s = KINDS[kind].quiet_s
        if quiet_s is not None:
            self._expire(alert, quiet_s)
        look = self._pages.look(target) if target is not None else None
        if look is None:
            self._say(alert, target)
        else:
            spawn(self._say_after(look, alert, target), name=f"alert of {name}")

    def end(self, name: str, kinds: Iterable[str], why: str, reason: str | None = None) -> bool:
        """End the alerts of an integration of these kinds, of one reason or of all; whether any was on."""
        found = [
            alert
            for alert in self._on.values()
            if alert.integration == name and alert.kind in kinds and reason in (None, alert.reason)
        ]
        for alert in found:
            self._end(alert, why)
        return bool(found)

    def keep(self, still: Callable[[Alert], bool]) -> None:
        """End what a new configuration knows nothing of."""
        for alert in list(self._on.values()):
            if not still(alert):
                self._end(alert, "the configuration was reloaded")

    def _end(self, alert: Alert, why: str) -> None:
        del self._on[alert.key]
        alert.ended, alert.end = self._now(), why
        if alert.said:
            self._say_over(alert)

    async def _say_after(self, look: asyncio.Task[None], alert: Alert, target: Target | None) -> None:
        await asyncio.wait({look})
        self._say(alert, target)
        if alert.ended is not None:
            self._say_over(alert)

    def _say(self, alert: Alert, target: Target | None) -> None:
        if target is not None and target.incident is not None:
            alert.incident = str(target.incident)
        alert.said = True
        LOG.warning("%s", alert.line)
        self.tell(alert)

    def _say_over(self, alert: Alert) -> None:
        LOG.warning("integration '%s': %s; over: %s", alert.integration, alert.end, alert.text)
        self.tell(alert)

    def _expire(self, alert: Alert, quiet_s: float) -> None:
        """End it when no further sign has come for so long."""
        left_s = alert.seen + quiet_s - self._now()
        if alert.ended is not None:
            return
        if left_s > 0:
            self._call_later(left_s, partial(self._expire, alert, quiet_s))
        elif self._on.get(alert.key) is alert:
            self._end(alert, "not seen again")


def _call_later(seconds: float, callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, callback)


def _nothing(*_: object) -> None:
    """While nobody is told but the log."""
