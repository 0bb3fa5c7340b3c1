"""Write `dashboard.json`, for Grafana: `python observability/dashboard.py`.

A dashboard's JSON cannot be read, so it is made here, where it can: rows of panels, each with its
queries. `--check` exits 1 when the file is not what this would write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("dashboard.json")

#: Every query is about the integrations that are chosen at the top.
OF = 'integration=~"$integration"'
WIDTH = 24

Panel = dict[str, Any]


def query(expression: str, legend: str, *, exemplars: bool = False) -> dict[str, Any]:
    """Ask Prometheus; `legend` names the lines by their labels, `{{integration}}`."""
    return {"expr": expression, "legendFormat": legend, "exemplar": exemplars}


def rate(metric: str) -> str:
    """Give how much a counter grows in a second."""
    return f"rate({metric}{{{OF}}}[$__rate_interval])"


def quantile(share: float, metric: str, by: str) -> str:
    """Give a quantile of a histogram."""
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{{{OF}}}[$__rate_interval])))"


def lines(
    title: str, *queries: dict[str, Any], unit: str = "short", about: str = "", top: float | None = None
) -> Panel:
    """Draw lines over time. `top` is where the axis ends."""
    defaults: dict[str, Any] = {
        "unit": unit,
        "min": 0,
        "custom": {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never", "spanNulls": False},
    }
    if top is not None:
        defaults["max"] = top
    return {
        "type": "timeseries",
        "title": title,
        "description": about,
        "targets": list(queries),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def stacked(title: str, *queries: dict[str, Any], unit: str = "short", about: str = "") -> Panel:
    """Draw lines on top of each other: the parts of a whole."""
    panel = lines(title, *queries, unit=unit, about=about)
    panel["fieldConfig"]["defaults"]["custom"] |= {"fillOpacity": 30, "stacking": {"mode": "normal"}}
    return panel


def number(
    title: str, expression: str, *, unit: str = "short", bad_from: float | None = None, about: str = ""
) -> Panel:
    """Show one number as it is now, red from `bad_from` on."""
    steps = [{"color": "green", "value": None}]
    if bad_from is not None:
        steps.append({"color": "red", "value": bad_from})
    return {
        "type": "stat",
        "title": title,
        "description": about,
        "targets": [query(expression, "")],
        "fieldConfig": {
            "defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"},
    }


def states(
    title: str, expression: str, legend: str, names: dict[int, tuple[str, str]], about: str = ""
) -> Panel:
    """Show states over time as coloured bars, each with its word and colour."""
    options = {str(value): {"text": text, "color": color} for value, (text, color) in names.items()}
    return {
        "type": "state-timeline",
        "title": title,
        "description": about,
        "targets": [query(expression, legend)],
        "fieldConfig": {
            "defaults": {"mappings": [{"type": "value", "options": options}]},
            "overrides": [],
        },
        "options": {
            "mergeValues": True,
            "showValue": "never",
            "legend": {"displayMode": "list", "showLegend": True},
        },
    }


NOW = [
    number("Requests", f"sum({rate('outrider_requests_total')})", unit="reqps"),
    number(
        "Errors",
        f"sum(outrider:errors:rate5m{{{OF}}}) / sum(outrider:requests:rate5m{{{OF}}})",
        unit="percentunit",
        bad_from=0.05,
        about="5xx answers as a share of all.",
    ),
    number(
        "p99",
        f"histogram_quantile(0.99, sum by (le) (rate(outrider_request_seconds_bucket{{{OF}}}[5m])))",
        unit="s",
    ),
    number("In flight", f"sum(outrider_in_flight{{{OF}}})"),
    number("Breakers open", f"sum(outrider_breaker_open{{{OF}}})", bad_from=1),
    number(
        "Alerts",
        f"sum(outrider_alerts{{{OF}}})",
        bad_from=1,
        about="Outrider's own, as `/api/alerts` lists them.",
    ),
    number("Jobs waiting", f'sum(outrider_jobs{{{OF},state="queued"}})'),
    number(
        "Limit used",
        f"max(outrider_limit_used_ratio{{{OF}}})",
        unit="percentunit",
        bad_from=0.8,
        about="Of the provider's own limit, the fullest one.",
    ),
]
TRAFFIC = [
    stacked(
        "Requests by status",
        query(f"sum by (status) ({rate('outrider_requests_total')})", "{{status}}"),
        unit="reqps",
    ),
    lines(
        "Errors by integration",
        query(f"outrider:error_ratio:rate5m{{{OF}}}", "{{integration}}"),
        unit="percentunit",
        about="5xx answers as a share of all, over 5 minutes.",
    ),
    lines("In flight", query(f"sum by (integration) (outrider_in_flight{{{OF}}})", "{{integration}}")),
]
TIME = [
    lines(
        "Requests",
        query(quantile(0.5, "outrider_request_seconds", "integration"), "p50 {{integration}}"),
        query(
            quantile(0.99, "outrider_request_seconds", "integration"), "p99 {{integration}}", exemplars=True
        ),
        unit="s",
        about="Up to the last byte. A point is an exchange: `outrider why ID` tells what happened to it.",
    ),
    lines(
        "Providers",
        query(quantile(0.5, "outrider_upstream_seconds", "target"), "p50 {{target}}"),
        query(quantile(0.99, "outrider_upstream_seconds", "target"), "p99 {{target}}", exemplars=True),
        unit="s",
        about="One attempt, up to the head of the response.",
    ),
    lines(
        "Outrider itself",
        query(quantile(0.5, "outrider_overhead_seconds", "integration"), "p50 {{integration}}"),
        query(
            quantile(0.99, "outrider_overhead_seconds", "integration"), "p99 {{integration}}", exemplars=True
        ),
        unit="s",
        about="Apart from the providers and from waiting on purpose.",
    ),
]
TROUBLE = [
    lines(
        "Retry amplification",
        query(f"outrider:retry_amplification:rate5m{{{OF}}}", "{{integration}}"),
        about="Attempts for each request: 1 is none. The budget keeps it below 1.2 by default.",
    ),
    stacked(
        "Attempts by result",
        query(f"sum by (result) ({rate('outrider_attempts_total')})", "{{result}}"),
        unit="reqps",
    ),
    stacked(
        "Retries by reason, and refused for the budget",
        query(f"sum by (reason) ({rate('outrider_retries_total')})", "{{reason}}"),
        query(f"sum({rate('outrider_retry_budget_spent_total')})", "refused"),
        unit="reqps",
    ),
    stacked(
        "Failovers",
        query(
            f"sum by (from, to) ({rate('outrider_failovers_total')})",
            "{{from}} to {{to}}",
        ),
        unit="reqps",
    ),
    states(
        "Breakers",
        f"max by (integration, target) (outrider_breaker_open{{{OF}}})",
        "{{integration}} {{target}}",
        {0: ("closed", "green"), 1: ("open", "red")},
    ),
    states(
        "What the status pages say",
        f"max by (integration) (outrider_provider_status{{{OF}}})",
        "{{integration}}",
        {0: ("nothing", "green"), 1: ("minor", "yellow"), 2: ("major", "orange"), 3: ("critical", "red")},
        about="Looked at when calls fail, and while there is an incident.",
    ),
]
LIMITS = [
    lines(
        "Limit used",
        query(f"max by (integration) (outrider_limit_used_ratio{{{OF}}})", "{{integration}}"),
        unit="percentunit",
        top=1,
    ),
    lines(
        "Waits for a turn, p99",
        query(quantile(0.99, "outrider_limit_wait_seconds", "integration"), "{{integration}}"),
        unit="s",
    ),
    stacked(
        "Tokens asked for",
        query(
            f"sum by (integration, result) ({rate('outrider_credential_refreshes_total')})",
            "{{integration}} {{result}}",
        ),
    ),
    lines(
        "Keys left out",
        query(f"sum by (integration) (outrider_key_refused{{{OF}}})", "{{integration}}"),
    ),
]
REST = [
    stacked("Jobs", query(f"sum by (state) (outrider_jobs{{{OF}}})", "{{state}}")),
    lines(
        "Deprecated calls",
        query(
            f"sum by (integration, client) ({rate('outrider_deprecated_calls_total')})",
            "{{integration}} {{client}}",
        ),
        unit="reqps",
    ),
    lines(
        "CPU",
        query('rate(process_cpu_seconds_total{job="outrider"}[$__rate_interval])', "{{instance}}"),
        unit="percentunit",
    ),
    lines("Memory", query('process_resident_memory_bytes{job="outrider"}', "{{instance}}"), unit="bytes"),
]
ROWS: dict[str, tuple[int, list[Panel]]] = {
    "Now": (4, NOW),
    "Traffic": (8, TRAFFIC),
    "Time": (8, TIME),
    "When providers fail": (8, TROUBLE),
    "Limits and credentials": (7, LIMITS),
    "Jobs, and Outrider itself": (7, REST),
}
"""Each row's height, and its panels: as many side by side as fit, four at most where they are large."""


def dashboard() -> dict[str, Any]:
    """Put the rows together."""
    panels: list[Panel] = []
    y = 0
    for title, (height, row) in ROWS.items():
        panels.append(
            {"type": "row", "title": title, "collapsed": False, "panels": [], **_place(0, y, WIDTH, 1)}
        )
        y += 1
        across = len(row) if height < 5 else 3 if len(row) % 3 == 0 else 4
        width = WIDTH // across
        for index, panel in enumerate(row):
            panels.append(
                {**panel, **_place(index % across * width, y + index // across * height, width, height)}
            )
        y += -(-len(row) // across) * height
    for number_, panel in enumerate(panels, 1):
        panel["id"] = number_
        panel["datasource"] = {"type": "prometheus", "uid": "${datasource}"}
        for index, target in enumerate(panel.get("targets", ())):
            target["refId"] = chr(ord("A") + index)
            target["datasource"] = panel["datasource"]
    return {
        "title": "Outrider",
        "uid": "outrider",
        "description": "The calls of this application to third-party APIs, as Outrider carries them.",
        "tags": ["outrider"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_datasource(), _integration()]},
        "panels": panels,
    }


def _place(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _datasource() -> dict[str, Any]:
    return {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}


def _integration() -> dict[str, Any]:
    asked = "label_values(outrider_in_flight, integration)"
    return {
        "type": "query",
        "name": "integration",
        "label": "Integration",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "definition": asked,
        "query": {"query": asked, "refId": "integrations"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def main(arguments: list[str]) -> int:
    """Write the file, or check it."""
    text = json.dumps(dashboard(), indent=1) + "\n"
    if arguments == ["--check"]:
        if FILE.exists() and FILE.read_text() == text:
            return 0
        sys.stderr.write(f"{FILE} is not what {Path(__file__).name} makes; run it\n")
        return 1
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
