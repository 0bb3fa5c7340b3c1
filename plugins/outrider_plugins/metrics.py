"""Metrics for Prometheus, under the names of the contract.

The request path only adds to plain numbers: counting through `prometheus_client` costs five times as
much. They become its metric families when they are scraped. Labels come from the configuration and
from fixed sets, never from a request, so that nobody can make more of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from time import monotonic
from weakref import WeakSet

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from outrider.plugin import (
    AttemptDone,
    BreakerClosed,
    BreakerOpened,
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

#: Seconds. APIs answer within tens of milliseconds, language models within minutes.
REQUEST_BUCKETS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
)
OVERHEAD_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0)

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
EXACT = frozenset((401, 429, 503))


class Histogram:
    """Counts seconds into buckets."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Give the cumulative counts, as Prometheus has them."""
        found, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            found.append((bound, float(below)))
        return found


class Traffic:
    """What was counted for one integration, across reloads."""

    __slots__ = (
        "attempts",
        "breakers",
        "clients",
        "credentials",
        "deprecated",
        "failovers",
        "key_limits",
        "keys",
        "overhead",
        "request",
        "requests",
        "retries",
        "running",
        "upstream",
        "waits",
    )

    def __init__(self) -> None:
        self.running: WeakSet[Integration] = WeakSet()
        """As it runs now, and as it ran before a reload while that has exchanges under way."""
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By method, and status or 0 for an app that left before there was one."""
        self.clients: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By client and status, where there are clients."""
        self.deprecated: defaultdict[str, int] = defaultdict(int)
        """Calls of a deprecated integration, by client."""
        self.credentials: defaultdict[str, int] = defaultdict(int)
        """Tokens asked for, by result."""
        self.attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By target and result."""
        self.retries: defaultdict[str, int] = defaultdict(int)
        """By reason: a status, or a kind of failure."""
        self.failovers: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By the target that failed and the one that came next."""
        self.breakers: dict[str, bool] = {}
        """Whether it is open, by target."""
        self.keys: dict[int, bool] = {}
        """Whether a key of the pool is refused, by its position."""
        self.key_limits: defaultdict[int, int] = defaultdict(int)
        """How often a key of the pool was limited, likewise."""
        self.waits = Histogram(REQUEST_BUCKETS)
        """Of attempts that had to wait for their turn at a limit."""
        self.request = Histogram(REQUEST_BUCKETS)
        self.overhead = Histogram(OVERHEAD_BUCKETS)
        self.upstream: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(REQUEST_BUCKETS))


def status_label(status: int) -> str:
    """Give the class of a status; 401, 429 and 503 as they are; an app that left is 4xx, as nginx's 499.

    A 101 is a 2xx: the contract has no other class for what went well.
    """
    if status in EXACT:
        return str(status)
    return f"{max(status // 100, 2)}xx" if status else "4xx"


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
        traffic.request.add(monotonic() - exchange.started)
        if event.status:
            traffic.overhead.add(exchange.response_s - exchange.upstream_s - exchange.waited_s)

    def attempted(self, event: AttemptDone) -> None:
        """Count an attempt."""
        exchange = event.attempt.exchange
        traffic = self.traffic[exchange.integration.name]
        name = event.attempt.to.name
        traffic.attempts[name, event.result] += 1
        traffic.upstream[name].add(event.seconds)

    def retrying(self, event: Retrying) -> None:
        """Count a retry."""
        self.traffic[event.exchange.integration.name].retries[event.reason] += 1

    def failed_over(self, event: FailedOver) -> None:
        """Count a move to a fallback."""
        self.traffic[event.exchange.integration.name].failovers[event.origin.name, event.to.name] += 1

    def limit_waited(self, event: LimitWaited) -> None:
        """Count a wait for a turn."""
        self.traffic[event.attempt.exchange.integration.name].waits.add(event.seconds)

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
        requests = CounterMetricFamily(
            "outrider_requests", "Requests answered.", labels=["integration", "method", "status"]
        )
        clients = CounterMetricFamily(
            "outrider_client_requests", "Requests of each client.", labels=["client", "integration", "status"]
        )
        deprecated = CounterMetricFamily(
            "outrider_deprecated_calls",
            "Calls of integrations that are deprecated.",
            labels=["integration", "client"],
        )
        credentials = CounterMetricFamily(
            "outrider_credential_refreshes", "Tokens asked for.", labels=["integration", "result"]
        )
        attempts = CounterMetricFamily(
            "outrider_attempts", "Attempts at a target.", labels=["integration", "target", "result"]
        )
        in_flight = GaugeMetricFamily("outrider_in_flight", "Requests under way.", labels=["integration"])
        request = HistogramMetricFamily(
            "outrider_request_seconds",
            "From a request to the last byte of its answer.",
            labels=["integration"],
        )
        upstream = HistogramMetricFamily(
            "outrider_upstream_seconds",
            "An attempt, up to the head of the provider's response.",
            labels=["integration", "target"],
        )
        overhead = HistogramMetricFamily(
            "outrider_overhead_seconds",
            "What Outrider took itself, without the provider and without waiting on purpose.",
            labels=["integration"],
        )
        retries = CounterMetricFamily(
            "outrider_retries", "Further attempts at a target.", labels=["integration", "reason"]
        )
        failovers = CounterMetricFamily(
            "outrider_failovers", "Moves to a fallback.", labels=["integration", "from", "to"]
        )
        breakers = GaugeMetricFamily(
            "outrider_breaker_open", "1 while a target is left alone.", labels=["integration", "target"]
        )
        provider = GaugeMetricFamily(
            "outrider_provider_status",
            "What the provider's status page says: 0 nothing or not looked at, 1 minor, 2 major, 3 critical.",
            labels=["integration"],
        )
        key_refused = GaugeMetricFamily(
            "outrider_key_refused", "1 while a key of a pool is left out.", labels=["integration", "key"]
        )
        key_limited = CounterMetricFamily(
            "outrider_key_limited", "Times a key of a pool was limited.", labels=["integration", "key"]
        )
        waits = HistogramMetricFamily(
            "outrider_limit_wait_seconds", "Waits of attempts for their turn.", labels=["integration"]
        )
        for name, traffic in list(self.traffic.items()):
            for reason, count in traffic.retries.items():
                retries.add_metric([name, reason], count)
            for (origin, to), count in traffic.failovers.items():
                failovers.add_metric([name, origin, to], count)
            for target, is_open in traffic.breakers.items():
                breakers.add_metric([name, target], int(is_open))
            incidents = [one.target.incident for one in list(traffic.running)]
            if incidents:
                provider.add_metric([name], max(0 if one is None else one.level for one in incidents))
            for key, refused in traffic.keys.items():
                key_refused.add_metric([name, str(key)], int(refused))
                key_limited.add_metric([name, str(key)], traffic.key_limits[key])
            waits.add_metric([name], traffic.waits.buckets(), traffic.waits.total)
            counted: defaultdict[tuple[str, str], int] = defaultdict(int)
            for (method, status), count in traffic.requests.items():
                label = method if method in METHODS else "OTHER"
                counted[label, status_label(status)] += count
            for (method, label), count in counted.items():
                requests.add_metric([name, method, label], count)
            by_client: defaultdict[tuple[str, str], int] = defaultdict(int)
            for (client, status), count in traffic.clients.items():
                by_client[client, status_label(status)] += count
            for (client, label), count in by_client.items():
                clients.add_metric([client, name, label], count)
            for client, count in traffic.deprecated.items():
                deprecated.add_metric([name, client], count)
            for result, count in traffic.credentials.items():
                credentials.add_metric([name, result], count)
            for (target, result), count in traffic.attempts.items():
                attempts.add_metric([name, target, result], count)
            in_flight.add_metric([name], sum(one.in_flight for one in traffic.running))
            request.add_metric([name], traffic.request.buckets(), traffic.request.total)
            overhead.add_metric([name], traffic.overhead.buckets(), traffic.overhead.total)
            for target, histogram in traffic.upstream.items():
                upstream.add_metric([name, target], histogram.buckets(), histogram.total)
        errors = CounterMetricFamily(
            "outrider_plugin_errors", "Times a plugin raised where it must not.", labels=["plugin"]
        )
        for plugin, count in self.plugin_errors.items():
            errors.add_metric([plugin], count)
        reloads = CounterMetricFamily(
            "outrider_config_reloads", "Times the configuration was read again.", labels=["result"]
        )
        for ok, count in self.reloads.items():
            reloads.add_metric(["ok" if ok else "refused"], count)
        reload_ok = GaugeMetricFamily(
            "outrider_config_ok",
            "1 while the file on disk is what runs, 0 after a refused reload.",
            value=int(self.reload_ok),
        )
        return [
            requests,
            clients,
            deprecated,
            credentials,
            attempts,
            retries,
            failovers,
            breakers,
            provider,
            in_flight,
            request,
            upstream,
            overhead,
            key_refused,
            key_limited,
            waits,
            errors,
            reloads,
            reload_ok,
        ]


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
        METRICS.traffic[target.name].breakers.setdefault(target.name, False)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Count what happens."""
    events.on(ExchangeDone, METRICS.done)
    events.on(AttemptDone, METRICS.attempted)
    events.on(Retrying, METRICS.retrying)
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
