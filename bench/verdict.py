"""`--check`: the bounds that the project holds itself to."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from bench.report import Table

RATIO_MAX = 1.2
"""CPU for each request and for each event, beside Envoy's in the same round; the median of the rounds."""
POLICIES_MAX = 1.15
"""CPU for each request with every policy on and idle, beside the core without their plugins, likewise."""
GROWTH_MAX_MB = 10.0
"""Memory that one long body may add, up or down."""

TABLES = {
    "requests": ("get", "post"),
    "policies": ("policies_get", "policies_post"),
    "sse": ("sse",),
    "memory": ("memory",),
}
"""The tables of each measurement that has bounds."""
RATIOS = (
    ("get", "a GET", "envoy", RATIO_MAX),
    ("post", "a POST", "envoy", RATIO_MAX),
    ("policies_get", "a GET", "envoy", RATIO_MAX),
    ("policies_get", "a GET", "core", POLICIES_MAX),
    ("policies_post", "a POST", "envoy", RATIO_MAX),
    ("policies_post", "a POST", "core", POLICIES_MAX),
    ("sse", "an event", "envoy", RATIO_MAX),
)
"""Each table, what is measured in it, and beside whom it may cost at most so many times as much."""


def broken(tables: Mapping[str, Table], chosen: Iterable[str]) -> list[str]:
    """List in words every bound of the chosen measurements that does not hold or could not be tried."""
    wanted = [key for name in chosen for key in TABLES.get(name, ())]
    found = [f"{key}: not measured" for key in wanted if key not in tables]
    if not wanted:
        found.append(f"nothing with bounds was measured; --only some of {', '.join(TABLES)}")
    for key, what, beside, most in RATIOS:
        if (table := tables.get(key)) is None:
            continue
        if beside == "envoy" and (failures := sum(table.values("outrider", "failures"))):
            found.append(f"{key}: {failures:.0f} requests failed")
        values = table.ratios("outrider", "cpu_us", to=beside)
        if not values:
            found.append(f"{key}: outrider and {beside} were not both measured")
        elif (ratio := statistics.median(values)) > most:
            whose = "Envoy's" if beside == "envoy" else "the core's"
            found.append(f"{key}: {what} costs {ratio:.2f} × {whose} CPU, more than {most}")
    if (table := tables.get("memory")) is not None:
        found += _memory(table)
    return found


def _memory(table: Table) -> list[str]:
    idle, envoy = table.values("outrider", "idle_mb"), table.values("envoy", "idle_mb")
    if not idle or not envoy:
        return ["memory: outrider and envoy were not both measured"]
    found = []
    if idle[0] > envoy[0]:
        found.append(f"memory: {idle[0]:.1f} MB at rest, more than Envoy's {envoy[0]:.1f}")
    for way in ("down", "up"):
        growth = table.values("outrider", f"{way}_growth_mb")
        if not growth:
            found.append(f"memory: the body {way} was not carried")
        elif growth[0] >= GROWTH_MAX_MB:
            found.append(
                f"memory: a long body {way} adds {growth[0]:.1f} MB, not less than {GROWTH_MAX_MB:.0f}"
            )
    return found
