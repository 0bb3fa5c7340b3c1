"""Make the metric families of a scrape out of what was counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from outrider_plugins import limits

from .traffic import METHODS, Histogram, Traffic, status_label

if TYPE_CHECKING:
    from . import Metrics

K = TypeVar("K")


class Scrape:
    """The families of one scrape, in the order in which they are made."""

    def __init__(self) -> None:
        self.families: list[Metric] = []

    def counter(self, name: str, about: str, *labels: str) -> CounterMetricFamily:
        """Make a family of counters; `_total` comes by itself."""
        made = CounterMetricFamily(name, about, labels=labels)
        self.families.append(made)
        return made

    def gauge(self, name: str, about: str, *labels: str) -> GaugeMetricFamily:
        """Make a family of gauges."""
        made = GaugeMetricFamily(name, about, labels=labels)
        self.families.append(made)
        return made

    def histogram(self, name: str, about: str, *labels: str) -> HistogramMetricFamily:
        """Make a family of histograms."""
        made = HistogramMetricFamily(name, about, labels=labels)
        self.families.append(made)
        return made


def families(metrics: Metrics) -> list[Metric]:
    """Give every family, as the numbers are now."""
    scrape, traffic = Scrape(), dict(metrics.traffic)
    _requests(scrape, traffic)
    _attempts(scrape, traffic)
    _times(scrape, traffic)
    _states(scrape, traffic)
    _keys(scrape, traffic)
    errors = scrape.counter("outrider_plugin_errors", "Times a plugin raised where it must not.", "plugin")
    for plugin, count in metrics.plugin_errors.items():
        errors.add_metric([plugin], count)
    reloads = scrape.counter("outrider_config_reloads", "Times the configuration was read again.", "result")
    for ok, count in metrics.reloads.items():
        reloads.add_metric(["ok" if ok else "refused"], count)
    reload_ok = scrape.gauge(
        "outrider_config_ok", "1 while the file on disk is what runs, 0 after a refused reload."
    )
    reload_ok.add_metric([], int(metrics.reload_ok))
    return scrape.families


def _requests(scrape: Scrape, of: Mapping[str, Traffic]) -> None:
    requests = scrape.counter("outrider_requests", "Requests answered.", "integration", "method", "status")
    clients = scrape.counter(
        "outrider_client_requests", "Requests of each client.", "client", "integration", "status"
    )
    deprecated = scrape.counter(
        "outrider_deprecated_calls", "Calls of integrations that are deprecated.", "integration", "client"
    )
    in_flight = scrape.gauge("outrider_in_flight", "Requests under way.", "integration")
    for name, traffic in of.items():
        labelled = (
            ((method if method in METHODS else "OTHER", status_label(status)), count)
            for (method, status), count in traffic.requests.items()
        )
        for (method, status), count in _summed(labelled):
            requests.add_metric([name, method, status], count)
        by_client = (
            ((client, status_label(status)), count) for (client, status), count in traffic.clients.items()
        )
        for (client, status), count in _summed(by_client):
            clients.add_metric([client, name, status], count)
        for client, count in traffic.deprecated.items():
            deprecated.add_metric([name, client], count)
        in_flight.add_metric([name], sum(one.in_flight for one in list(traffic.running)))


def _summed(counts: Iterable[tuple[K, int]]) -> Iterable[tuple[K, int]]:
    """Add up what has the same labels."""
    sums: defaultdict[K, int] = defaultdict(int)
    for labels, count in counts:
        sums[labels] += count
    return sums.items()


def _attempts(scrape: Scrape, of: Mapping[str, Traffic]) -> None:
    attempts = scrape.counter("outrider_attempts", "Attempts at a target.", "integration", "target", "result")
    retries = scrape.counter("outrider_retries", "Further attempts at a target.", "integration", "reason")
    spent = scrape.counter(
        "outrider_retry_budget_spent",
        "Retries that were refused since the target's budget had none left.",
        "integration",
        "target",
    )
    failovers = scrape.counter("outrider_failovers", "Moves to a fallback.", "integration", "from", "to")
    credentials = scrape.counter(
        "outrider_credential_refreshes", "Tokens asked for.", "integration", "result"
    )
    for name, traffic in of.items():
        for (target, result), count in traffic.attempts.items():
            attempts.add_metric([name, target, result], count)
        for reason, count in traffic.retries.items():
            retries.add_metric([name, reason], count)
        for target, count in traffic.budget_spent.items():
            spent.add_metric([name, target], count)
        for (origin, to), count in traffic.failovers.items():
            failovers.add_metric([name, origin, to], count)
        for result, count in traffic.credentials.items():
            credentials.add_metric([name, result], count)


def _times(scrape: Scrape, of: Mapping[str, Traffic]) -> None:
    request = scrape.histogram(
        "outrider_request_seconds", "From a request to the last byte of its answer.", "integration"
    )
    upstream = scrape.histogram(
        "outrider_upstream_seconds",
        "An attempt, up to the head of the provider's response.",
        "integration",
        "target",
    )
    overhead = scrape.histogram(
        "outrider_overhead_seconds",
        "What Outrider took itself, without the provider and without waiting on purpose.",
        "integration",
    )
    waits = scrape.histogram(
        "outrider_limit_wait_seconds", "Waits of attempts for their turn.", "integration"
    )
    for name, traffic in of.items():
        _add(request, [name], traffic.request)
        for target, histogram in traffic.upstream.items():
            _add(upstream, [name, target], histogram)
        _add(overhead, [name], traffic.overhead)
        _add(waits, [name], traffic.waits)


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    family.add_metric(labels, histogram.buckets(), histogram.total)


def _states(scrape: Scrape, of: Mapping[str, Traffic]) -> None:
    breakers = scrape.gauge(
        "outrider_breaker_open", "1 while a target is left alone.", "integration", "target"
    )
    provider = scrape.gauge(
        "outrider_provider_status",
        "What the provider's status page says: 0 nothing or not looked at, 1 minor, 2 major, 3 critical.",
        "integration",
    )
    named = scrape.gauge(
        "outrider_provider_incident",
        "The same by the incident's name; one for an integration, as long as it lasts.",
        "integration",
        "incident",
    )
    used = scrape.gauge(
        "outrider_limit_used_ratio",
        "How much is used of the provider's own limit, of the fullest one that it tells.",
        "integration",
    )
    for name, traffic in of.items():
        for target, is_open in traffic.breakers.items():
            breakers.add_metric([name, target], int(is_open))
        targets = [one.target for one in list(traffic.running)]
        if not targets:
            continue
        incidents = [target.incident for target in targets if target.incident is not None]
        worst = max(incidents, key=lambda one: one.level, default=None)
        provider.add_metric([name], worst.level if worst is not None else 0)
        if worst is not None:
            named.add_metric([name, worst.name], worst.level)
        shares = [share for target in targets if (share := limits.used(target)) is not None]
        if shares:
            used.add_metric([name], max(shares))


def _keys(scrape: Scrape, of: Mapping[str, Traffic]) -> None:
    refused = scrape.gauge(
        "outrider_key_refused", "1 while a key of a pool is left out.", "integration", "key"
    )
    limited = scrape.counter(
        "outrider_key_limited", "Times a key of a pool was limited.", "integration", "key"
    )
    for name, traffic in of.items():
        for key, is_refused in traffic.keys.items():
            refused.add_metric([name, str(key)], int(is_refused))
            limited.add_metric([name, str(key)], traffic.key_limits[key])
