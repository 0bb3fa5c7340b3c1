"""Post: a mailbox for each place that `[alerts]` names, as the configuration in force has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from time import time
from weakref import WeakSet

from outrider.config import Alerts, BaseUrl, UrlRef
from outrider.plugin import App, Field, SecretRef, Target, field, spawn

from . import shapes
from .alert import Alert
from .book import Book
from .deliver import LAST_S, Mailbox, Pace, Where

#: How often Alertmanager hears of what lasts, in seconds: as Prometheus does it.
_REFRESH_S = 60.0

HELD: WeakSet[Target] = WeakSet()
"""Targets of which something is known from before a reload."""


class Post:
    """The mailboxes of a running Outrider. A reload keeps those whose place and pace are as before."""

    def __init__(self, app: App, book: Book) -> None:
        self._app = app
        self._book = book
        self._boxes: dict[tuple[str, Pace], tuple[Mailbox, asyncio.Task[None]]] = {}
        self._kinds: frozenset[str] | None = None

    def renew(self) -> None:
        """Take up what the configuration says now; a new place is told what is on."""
        options = self._app.table.config.alerts
        self._kinds = None if options.kinds is None else frozenset(options.kinds)
        wanted = dict(self._places(options))
        for key in self._boxes.keys() - wanted.keys():
            self._boxes.pop(key)[1].cancel()
        for key in wanted.keys() - self._boxes.keys():
            name, pace = key
            box = Mailbox(name, *wanted[key], pace)
            self._boxes[key] = box, spawn(box.run(), name=f"alerts for {name}")
            for alert in self._book.on:
                if self._wants(alert):
                    box.put(alert)

    def reloaded(self) -> None:
        """Take up a new configuration."""
        self._book.keep(self._holds_on)
        self.renew()

    def _holds_on(self, alert: Alert) -> bool:
        """Whether what an alert is about is still there: the same account at the same place."""
        integration = self._app.table.integrations.get(alert.integration)
        if integration is None or integration.target not in HELD:
            return False
        if alert.kind == "breaker":
            return integration.target.config.breaker is not None
        # A reload tries each key of a pool anew.
        return alert.kind != "invalid-key" or alert.reason == "401"

    def tell(self, alert: Alert) -> None:
        """Have everybody told."""
        if self._wants(alert):
            for box, _ in self._boxes.values():
                box.put(alert)

    async def close(self) -> None:
        """Deliver what is still waiting, if that is quick."""
        for _, task in self._boxes.values():
            task.cancel()
        last = [asyncio.wait_for(box.deliver(), LAST_S) for box, _ in self._boxes.values()]
        await asyncio.gather(*last, return_exceptions=True)

    def _wants(self, alert: Alert) -> bool:
        return self._kinds is None or alert.kind in self._kinds

    def _places(
        self, options: Alerts
    ) -> Iterator[tuple[tuple[str, Pace], tuple[Where, Callable[[list[Alert]], bytes]]]]:
        pace = Pace(options.group, options.every, options.repeat)
        for ref in options.webhook:
            yield (f"the webhook of {ref}", pace), (partial(self._hook, ref), shapes.generic)
        for ref in options.slack:
            yield (f"Slack's webhook of {ref}", pace), (partial(self._hook, ref), shapes.slack)
        often = Pace(options.group, min(options.every, _REFRESH_S), min(options.repeat, _REFRESH_S))
        for url in options.alertmanager:
            where = partial(self._alertmanager, url, options.alertmanager_token)
            yield (f"Alertmanager at {url}", often), (where, lambda batch: shapes.alertmanager(batch, time()))

    def _hook(self, ref: UrlRef) -> tuple[BaseUrl, str, list[Field]]:
        return *ref.split(self._app.table.vault.get(ref).value), []

    def _alertmanager(self, url: BaseUrl, token: SecretRef | None) -> tuple[BaseUrl, str, list[Field]]:
        fields = []
        if token is not None:
            fields = [field("Authorization", f"Bearer {self._app.table.vault.get(token).value}")]
        return url, "/api/v2/alerts", fields
