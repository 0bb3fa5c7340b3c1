"""Metrics of the jobs, and what of them is a line of the log.

How many there are, and how old, is asked of the database at each scrape: by a connection of its own that only
reads, and is there for as long as that takes.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from time import time

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from outrider.plugin import Events, JobAccepted, JobDelivered
from outrider_plugins.metrics.traffic import Histogram

from .admin import overlaid
from .job import DONE, FAILED
from .queue import QUEUE
from .store import by_state

LOG = logging.getLogger("outrider.jobs")

#: Seconds from a job's acceptance to its delivery: at once, or after a night.
BUCKETS = (0.05, 0.25, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0)


class JobMetrics(Collector):
    """Counts what the events tell; `collect` is a scrape."""

    def __init__(self) -> None:
        self.accepted: defaultdict[str, int] = defaultdict(int)
        self.deliveries: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.took: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(BUCKETS))

    def hear_accepted(self, event: JobAccepted) -> None:
        """Count a job in."""
        self.accepted[event.integration] += 1

    def hear_delivered(self, event: JobDelivered) -> None:
        """Count a delivery; one that was the last is worth a line."""
        result = {DONE: "done", FAILED: "failed"}.get(event.state, "later")
        self.deliveries[event.integration, result] += 1
        if event.state == DONE:
            self.took[event.integration].add(event.age_s, event.exchange_id)
        elif event.state == FAILED:
            LOG.warning(
                "integration '%s': job %s failed for good: %s", event.integration, event.id, event.reason
            )

    def collect(self) -> Iterable[Metric]:
        """Give every family, as the numbers are now."""
        jobs = GaugeMetricFamily("outrider_jobs", "Jobs by state.", labels=["integration", "state"])
        oldest = GaugeMetricFamily(
            "outrider_jobs_oldest_seconds", "Age of the oldest job that waits.", labels=["integration"]
        )
        accepted = CounterMetricFamily("outrider_jobs_accepted", "Jobs accepted.", labels=["integration"])
        deliveries = CounterMetricFamily(
            "outrider_job_deliveries", "Deliveries of jobs, by result.", labels=["integration", "result"]
        )
        took = HistogramMetricFamily(
            "outrider_job_delivery_seconds",
            "From a job's acceptance to its delivery.",
            labels=["integration"],
        )
        counts, ages = _asked()
        for name, states in counts.items():
            for state, n in states.items():
                jobs.add_metric([name, state], n)
        for name, age_s in ages.items():
            oldest.add_metric([name], age_s)
        for name, n in self.accepted.items():
            accepted.add_metric([name], n)
        for (name, result), n in self.deliveries.items():
            deliveries.add_metric([name, result], n)
        for name, histogram in self.took.items():
            took.add_metric([name], histogram.buckets(), histogram.total)
        return [jobs, oldest, accepted, deliveries, took]


def _asked() -> tuple[dict[str, dict[str, int]], dict[str, float]]:
    """Ask the database: counts by integration and state, and the age of the oldest queued job of each."""
    path = QUEUE.path
    if path is None or not path.exists():
        return {}, {}
    ages = {}
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        ) as connection:
            rows = connection.execute("SELECT integration, state, n FROM counts WHERE n > 0").fetchall()
            counts = by_state({(name, state): n for name, state, n in rows})
            for name in counts:
                found = connection.execute(
                    "SELECT created FROM jobs WHERE integration = ? AND state = 'queued' "
                    "ORDER BY seq LIMIT 1",
                    (name,),
                ).fetchone()
                if found is not None:
                    ages[name] = max(0.0, time() - found[0])
    except sqlite3.Error as error:
        LOG.warning("the jobs cannot be counted: %s", error)
        return {}, {}
    return overlaid(counts), ages


METRICS = JobMetrics()
REGISTRY.register(METRICS)


def subscribe(events: Events) -> None:
    """Listen to what happens to jobs."""
    events.on(JobAccepted, METRICS.hear_accepted)
    events.on(JobDelivered, METRICS.hear_delivered)
