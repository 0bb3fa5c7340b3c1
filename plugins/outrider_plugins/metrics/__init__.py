"""Metrics for Prometheus, under the names of the contract.

The request path only adds to plain numbers: counting through `prometheus_client` costs five times as
much. They become its metric families when they are scraped. An OpenMetrics scrape has exemplars too:
the newest exchange of each bucket by its id, for `outrider why`. Labels come from the configuration and
from fixed sets, never from a request, so that nobody can make more of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from time import monotonic

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from outrider.plugin import (
    AttemptDone,
    BreakerClosed,
    BreakerOpened,
    BudgetSpent,
    CredentialRefreshed,
    DeprecatedCall,
    Events,
    Exchange,
    ExchangeDone,
    FailedOver,
    Integration,
    KeyChanged,
    LimitWaited,
    PluginRaised,
    Reloaded,
    Retrying,
    Target,
    hookimpl,
)

from .collect import families
from .traffic import Traffic


class Metrics(Collector):
    """Counts what the events tell; `collect` is a scrape."""

    def __init__(self) -> None:
        self.traffic: defaultdict[str, Traffic] = defaultdict(Traffic)
        self.plugin_errors: defaultdict[str, int] = defaultdict(int)
        self.reloads = {True: 0, False: 0}
        self.reload_ok = True

    def done(self, event: ExchangeDone) -> None:
        """Count an exchange out."""
        exchange: Exchange = event.exchange
        traffic = self.traffic[exchange.integration.name]
        # Both labels are made of these at the scrape: the parser knows no more than 46 methods.
        traffic.requests[exchange.method, event.status] += 1
        if exchange.client:
            traffic.clients[exchange.client, event.status] += 1
        traffic.request.add(monotonic() - exchange.started, exchange.id)
        if event.status:
            traffic.overhead.add(exchange.response_s - exchange.upstream_s - exchange.waited_s, exchange.id)

    def attempted(self, event: AttemptDone) -> None:
        """Count an attempt."""
        exchange = event.attempt.exchange
        traffic = self.traffic[exchange.integration.name]
        name = event.attempt.to.name
        traffic.attempts[name, event.result] += 1
        traffic.upstream[name].add(event.seconds, exchange.id)

    def retrying(self, event: Retrying) -> None:
        """Count a retry."""
        self.traffic[event.exchange.integration.name].retries[event.reason] += 1

    def budget_spent(self, event: BudgetSpent) -> None:
        """Count a retry that was refused."""
        self.traffic[event.exchange.integration.name].budget_spent[event.target.name] += 1

    def failed_over(self, event: FailedOver) -> None:
        """Count a move to a fallback."""
        self.traffic[event.exchange.integration.name].failovers[event.origin.name, event.to.name] += 1

    def limit_waited(self, event: LimitWaited) -> None:
        """Count a wait for a turn."""
        exchange = event.attempt.exchange
        self.traffic[exchange.integration.name].waits.add(event.seconds, exchange.id)

    def breaker_opened(self, event: BreakerOpened) -> None:
        """Remember that a target is left alone."""
        self.traffic[event.target.name].breakers[event.target.name] = True

    def breaker_closed(self, event: BreakerClosed) -> None:
        """Remember that it is back."""
        self.traffic[event.target.name].breakers[event.target.name] = False

    def refreshed(self, event: CredentialRefreshed) -> None:
        """Count a token that was asked for."""
        self.traffic[event.target.name].credentials[event.result] += 1

    def key_changed(self, event: KeyChanged) -> None:
        """Remember how a key of a pool stands."""
        traffic = self.traffic[event.target.name]
        if event.change == "limited":
            traffic.key_limits[event.position] += 1
        else:
            traffic.keys[event.position] = event.change == "refused"

    def deprecated(self, event: DeprecatedCall) -> None:
        """Count a call that should no longer be made."""
        self.traffic[event.exchange.integration.name].deprecated[event.exchange.client] += 1

    def raised(self, event: PluginRaised) -> None:
        """Count what a plugin got wrong."""
        self.plugin_errors[event.plugin] += 1

    def reloaded(self, event: Reloaded) -> None:
        """Remember how the last reload went."""
        self.reloads[event.ok] += 1
        self.reload_ok = event.ok

    def collect(self) -> Iterable[Metric]:
        """Give every family, as the numbers are now."""
        return families(self)


METRICS = Metrics()
REGISTRY.register(METRICS)


@hookimpl
def outrider_integration_layers(integration: Integration) -> None:
    """Know what runs, to tell how much of it is in flight. It needs no layer."""
    METRICS.traffic[integration.name].running.add(integration)


@hookimpl
def outrider_target_layers(target: Target) -> None:
    """Show the breaker and the keys of a target from the start. It needs no layer."""
    pool = target.auth.keys if target.auth is not None else ()
    keys = range(1, len(pool) + 1) if len(pool) > 1 else ()
    METRICS.traffic[target.name].keys = dict.fromkeys(keys, False)
    if target.config.breaker is not None:
        breakers = METRICS.traffic[target.name].breakers
        breakers[target.name] = target.before is not None and breakers.get(target.name, False)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Count what happens."""
    events.on(ExchangeDone, METRICS.done)
    events.on(AttemptDone, METRICS.attempted)
    events.on(Retrying, METRICS.retrying)
    events.on(BudgetSpent, METRICS.budget_spent)
    events.on(FailedOver, METRICS.failed_over)
    events.on(LimitWaited, METRICS.limit_waited)
    events.on(BreakerOpened, METRICS.breaker_opened)
    events.on(BreakerClosed, METRICS.breaker_closed)
    events.on(CredentialRefreshed, METRICS.refreshed)
    events.on(KeyChanged, METRICS.key_changed)
    events.on(DeprecatedCall, METRICS.deprecated)
    events.on(PluginRaised, METRICS.raised)
    events.on(Reloaded, METRICS.reloaded)


async def scrape(request: web.Request) -> web.Response:
    """Answer Prometheus, in the format it asks for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(REGISTRY), headers={"Content-Type": content_type})


@hookimpl
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give `/metrics`."""
    return [web.get("/metrics", scrape)]
