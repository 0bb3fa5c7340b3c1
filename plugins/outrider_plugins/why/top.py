"""The traffic of the last minute by integration: `/api/top`."""

from __future__ import annotations

from collections import defaultdict
from time import monotonic
from typing import Any

from outrider.plugin import App
from outrider_plugins import limits
from outrider_plugins.metrics import METRICS

from .record import Entry, Record

WINDOW_S = 60.0


def describe(app: App, record: Record) -> dict[str, Any]:
    """Give rates, errors and times of the last minute, with limits and breakers as they are now."""
    calls: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in record.newest(WINDOW_S):
        calls[entry.integration].append(entry)
    over_s = max(1.0, min(WINDOW_S, monotonic() - app.started, record.reach_s))
    rows = []
    for name, integration in app.table.integrations.items():
        took = sorted(entry.took_s for entry in calls[name])
        rows.append(
            {
                "integration": name,
                "rate": round(len(took) / over_s, 2),
                "errors": sum(entry.status >= 400 or not entry.status for entry in calls[name]),
                "p50_ms": _quantile(took, 0.5),
                "p99_ms": _quantile(took, 0.99),
                "in_flight": integration.in_flight,
                "limit_used": limits.used(integration.target),
                "breaker": METRICS.traffic[name].breakers.get(name),
            }
        )
    return {"over_s": round(over_s, 1), "integrations": rows}


def _quantile(ordered: list[float], share: float) -> float | None:
    """Give milliseconds; None without calls."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3, 1)
