"""The traffic of the last minute by integration: `/api/top`, and the table that is made of it."""

from __future__ import annotations

from collections import defaultdict
from time import monotonic
from typing import Any

from rich.table import Table

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


def table(told: dict[str, Any], jobs: dict[str, int]) -> Table:
    """Make the table of `outrider top`."""
    made = Table(box=None, header_style="bold", title=f"the last {told['over_s']:g} s", title_justify="left")
    made.add_column("integration")
    for column in ("req/s", "errors", "p50", "p99", "in flight", "limit used", "breaker", "jobs"):
        made.add_column(column, justify="right")
    for one in told["integrations"]:
        used = one["limit_used"]
        breaker = {None: "–", True: "[red]open[/red]", False: "closed"}[one["breaker"]]
        made.add_row(
            one["integration"],
            f"{one['rate']:g}",
            f"[red]{one['errors']}[/red]" if one["errors"] else "0",
            _ms(one["p50_ms"]),
            _ms(one["p99_ms"]),
            str(one["in_flight"]),
            "–" if used is None else f"[red]{used:.0%}[/red]" if used >= 0.8 else f"{used:.0%}",
            breaker,
            str(jobs.get(one["integration"], 0)),
        )
    return made


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:g} ms"
