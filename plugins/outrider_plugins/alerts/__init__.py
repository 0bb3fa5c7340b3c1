"""Alerts: the action `alert`, and other trouble, told to those who can do something about it.

The log has every alert: a line that names the integration, once for a run of the same trouble, and one when
it is over; `/api/alerts` has those that are on. `[alerts]` says who else is told: a webhook, Slack,
Alertmanager.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from outrider.plugin import App, Events, Target, hookimpl

from .book import Book
from .listen import Ear
from .post import HELD, Post
from .shapes import plain

BOOK = Book()
"""Across reloads."""


class OnNow(Collector):
    """The metric: how many are on. Integrations are of the configuration, kinds are a fixed set."""

    def collect(self) -> Iterable[Metric]:
        """Count them, as they are now."""
        family = GaugeMetricFamily("outrider_alerts", "Alerts that are on.", labels=["integration", "kind"])
        for labels, count in Counter((alert.integration, alert.kind) for alert in BOOK.on).items():
            family.add_metric(labels, count)
        return [family]


REGISTRY.register(OnNow())


@hookimpl
def outrider_target_layers(target: Target) -> None:
    """Know which targets hold on over a reload. It needs no layer."""
    if target.before is not None:
        HELD.add(target)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Listen to what goes wrong."""
    Ear(BOOK).subscribe(events)


@hookimpl
@asynccontextmanager
async def outrider_lifespan(app: App) -> AsyncIterator[None]:
    """Deliver while the program runs."""
    post = Post(app, BOOK)
    BOOK.tell, BOOK.reloaded = post.tell, post.reloaded
    post.renew()
    try:
        yield
    finally:
        await post.close()


async def alerts(request: web.Request) -> web.Response:
    """Answer `/api/alerts`."""
    return web.json_response({"alerts": [plain(alert) for alert in BOOK.on]})


@hookimpl
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give what is on."""
    return [web.get("/api/alerts", alerts)]
