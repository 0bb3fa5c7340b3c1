"""The measurements: each takes the options and returns its tables."""

from __future__ import annotations

from collections.abc import Callable

from bench.fleet import Options
from bench.measure import idle, latency, memory, policies, requests, sse
from bench.report import Table

MEASUREMENTS: dict[str, Callable[[Options], list[Table]]] = {
    "requests": requests.measure,
    "policies": policies.measure,
    "sse": sse.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "latency": latency.measure,
}
