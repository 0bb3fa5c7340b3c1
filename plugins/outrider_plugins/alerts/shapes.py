"""How alerts are written for those who are told: a webhook's JSON, Slack's, Alertmanager's API v2."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from socket import gethostname

from .alert import KINDS, Alert

#: Seconds after which Alertmanager takes an alert for over that it hears no more of, when we are gone.
ENDS_S = 240.0


def generic(alerts: Iterable[Alert]) -> bytes:
    """Write them for a webhook of one's own.

    ```json
    {"alerts": [{"status": "firing", "integration": "stripe", "kind": "failing", "reason": "503",
      "severity": "critical", "text": "failed: 503", "incident": "", "outrider_id": "...",
      "starts_at": "...", "ends_at": null}]}
    ```
    """
    return _json({"source": "outrider", "instance": gethostname(), "alerts": [plain(one) for one in alerts]})


def plain(alert: Alert) -> dict[str, object]:
    """Give one alert for JSON."""
    return {
        "status": "firing" if alert.ended is None else "resolved",
        "integration": alert.integration,
        "kind": alert.kind,
        "reason": alert.reason,
        "severity": alert.severity,
        "text": alert.text,
        "incident": alert.incident,
        "outrider_id": alert.id,
        "starts_at": _date(alert.since),
        "ends_at": None if alert.ended is None else _date(alert.ended),
    }


def slack(alerts: Iterable[Alert]) -> bytes:
    """Write them as one message of a Slack webhook, a line for each."""
    return _json({"text": "\n".join(_line(alert) for alert in alerts)})


def _line(alert: Alert) -> str:
    if alert.ended is None:
        sign = ":red_circle:" if alert.severity == "critical" else ":large_yellow_circle:"
        why = f" (`outrider why {alert.id}`)" if alert.id else ""
        says = f"\n> its provider says: {_escaped(alert.incident)}" if alert.incident else ""
        return f"{sign} *{_escaped(alert.integration)}* {_escaped(alert.text)}{why}{says}"
    after = _span(alert.ended - alert.since)
    name, text = _escaped(alert.integration), _escaped(alert.text)
    return f":large_green_circle: RESOLVED after {after}: *{name}* {_escaped(alert.end)} ({text})"


def _escaped(text: str) -> str:
    """Slack wants these three escaped; with them a text could mention a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def alertmanager(alerts: Iterable[Alert], now: float) -> bytes:
    """Write them for `POST /api/v2/alerts`; one that is on ends by itself unless it is sent again."""
    return _json([_for_alertmanager(alert, now) for alert in alerts])


def _for_alertmanager(alert: Alert, now: float) -> dict[str, object]:
    annotations = {"summary": alert.line, "incident": alert.incident, "outrider_id": alert.id}
    return {
        "labels": {
            "alertname": f"Outrider{KINDS[alert.kind].title}",
            "integration": alert.integration,
            "reason": alert.reason,
            "severity": alert.severity,
            "instance": gethostname(),
        },
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": _date(alert.since),
        "endsAt": _date(now + ENDS_S if alert.ended is None else alert.ended),
    }


def _json(what: object) -> bytes:
    return json.dumps(what).encode()


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
