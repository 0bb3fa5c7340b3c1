"""What status pages say, in the shape of each provider's."""

import json
from datetime import UTC, datetime

import pytest

from outrider.plugin import Incident
from outrider_plugins.statuspages.read import Unreadable, read

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def statuspage(indicator: str, description: str = "", *incidents: dict[str, str]) -> dict[str, object]:
    """As `/api/v2/summary.json` is (Stripe, OpenAI, GitHub and fifteen more)."""
    return {"page": {"name": "Acme"}, "components": [], "incidents": list(incidents), "scheduled_maintenances": [],
            "status": {"indicator": indicator, "description": description}}  # fmt: skip


def rss(*items: tuple[str, str, str]) -> bytes:
    """As GitLab's, Azure's and Mistral's are."""
    parts = "".join(
        f"<item><title>{title}</title><description>{text}</description><pubDate>{date}</pubDate></item>"
        for title, text, date in items
    )
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Status</title>{parts}</channel></rss>'.encode()


def atom(*entries: tuple[str, str, str]) -> bytes:
    """As PayPal's is."""
    parts = "".join(
        f"<entry><title>{title}</title><content type='html'>{text}</content><updated>{date}</updated></entry>"
        for title, text, date in entries
    )
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{parts}</feed>'.encode()


JSON = [
    ("none", "statuspage", statuspage("none", "All Systems Operational"), None),
    ("minor", "statuspage", statuspage("minor", "Minor Service Outage"), Incident("Minor Service Outage", 1)),
    (
        "named",
        "statuspage",
        statuspage("major", "Partial", {"name": "Elevated API errors", "status": "investigating", "impact": "major"}),
        Incident("Elevated API errors", 2),
    ),
    (
        "the worst of two, and one that is over",
        "statuspage",
        statuspage(
            "none",
            "",
            {"name": "Slow dashboards", "status": "monitoring", "impact": "minor"},
            {"name": "API down", "status": "identified", "impact": "critical"},
            {"name": "Yesterday", "status": "resolved", "impact": "critical"},
        ),
        Incident("API down", 3, whole=False),
    ),
    ("an incident without impact", "statuspage",
     statuspage("none", "All", {"name": "A notice", "status": "monitoring", "impact": "none"}), None),
    ("square: status.json", "statuspage", {"status": {"indicator": "critical", "description": "Major Outage"}},
     Incident("Major Outage", 3)),
    ("slack: ok", "json", {"status": "ok", "active_incidents": []}, None),
    (
        "slack: active",
        "json",
        {"status": "active", "active_incidents": [{"id": "546", "title": "Forwarding is failing", "type": "outage"}]},
        Incident("Forwarding is failing", 3),
    ),
    ("algolia: ok", "json", {"status": {"c1-eu": "operational", "c2-us": "operational"}}, None),
    ("algolia: one cluster", "json", {"status": {"c1-eu": "major_outage", "c2-us": "operational"}},
     Incident("1 of 2 clusters in trouble: c1-eu", 3, whole=False)),
    ("algolia: all", "json", {"status": {"c1-eu": "major_outage"}}, Incident("1 of 1 clusters in trouble: c1-eu", 3)),
    ("postmark: up", "json", {"status": "UP", "lastCheckDate": "2026-11-25T12:00:00Z"}, None),
    ("postmark: down", "json", {"status": "DOWN"}, Incident("status DOWN", 3)),
    ("postmark: delay", "json", {"status": "DELAY"}, Incident("status DELAY", 1)),
    ("salesforce: ok", "json", [{"key": "NA1", "status": "OK"}, {"key": "NA2", "status": "OK"}], None),
    (
        "salesforce: one of many",
        "json",
        [{"key": "EU5", "status": "MAJOR_INCIDENT_CORE"}, *({"key": f"NA{n}", "status": "OK"} for n in range(3))],
        Incident("1 of 4 instances: EU5 MAJOR_INCIDENT_CORE", 2, whole=False),
    ),
    ("salesforce: one instance", "json", {"key": "EU5", "status": "MAJOR_INCIDENT_CORE", "Incidents": []},
     Incident("EU5 MAJOR_INCIDENT_CORE", 2)),
    (
        "google: over, and lasting",
        "json",
        [
            {"id": "a", "external_desc": "Old", "end": "2026-11-01T00:00:00Z", "status_impact": "SERVICE_OUTAGE"},
            {"id": "b", "external_desc": "Queries fail", "end": None, "status_impact": "SERVICE_DISRUPTION"},
        ],
        Incident("Queries fail", 2, whole=False),
    ),
    ("google: nothing", "json", [], None),
    (
        "aws: current",
        "json",
        [{"service": "ec2-us-east-1", "service_name": "EC2", "region_name": "N. Virginia", "status": "3",
          "summary": "Increased Error Rates", "event_log": []}],
        Incident("Increased Error Rates (EC2, N. Virginia)", 2, whole=False),
    ),
    (
        "aws: over",
        "json",
        [{"typeCode": "AWS_EC2_OPERATIONAL_ISSUE", "service": "EC2", "region": "us-east-1", "endTime": 1}],
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "said", "expected"), [row[1:] for row in JSON], ids=[row[0] for row in JSON]
)
def test_json_feeds(shape: str, said: object, expected: Incident | None) -> None:
    """The worst incident that is not over, by its name; None when all is well."""
    assert expected == read(shape, json.dumps(said).encode(), NOW)


def test_aws_writes_utf_16() -> None:
    """With a byte order mark, as `currentevents` has been for years."""
    event = {
        "service_name": "S3",
        "region_name": "Ireland",
        "status": "1",
        "summary": "Ünsinn",
        "event_log": [],
    }

    assert Incident("Ünsinn (S3, Ireland)", 1, whole=False) == read(
        "json", json.dumps([event]).encode("utf-16"), NOW
    )


@pytest.mark.parametrize(
    ("shape", "body", "expected"),
    [
        ("rss", rss(), None),
        (
            "rss",
            rss(("API outage", "Investigating", "Wed, 25 Nov 2026 11:00:00 GMT")),
            Incident("API outage", 2, whole=False),
        ),
        (
            "rss",
            rss(("Slow jobs", "Monitoring", "Wed, 25 Nov 2026 11:00:00 +0100")),
            Incident("Slow jobs", 1, whole=False),
        ),
        ("rss", rss(("API outage", "Resolved - fixed", "Wed, 25 Nov 2026 11:00:00 GMT")), None),
        ("rss", rss(("API outage", "Investigating", "Mon, 23 Nov 2026 11:00:00 GMT")), None),
        (
            "rss",
            rss(("Scheduled downtime, down", "Upcoming", "Wed, 25 Nov 2026 11:00:00 GMT")),
            Incident("Scheduled downtime, down", 1, whole=False),
        ),
        (
            "atom",
            atom(("Payments unavailable", "&lt;b&gt;Investigating&lt;/b&gt;", "2026-11-25T11:00:00Z")),
            Incident("Payments unavailable", 2, whole=False),
        ),
        ("atom", atom(("Payments unavailable", "This incident is resolved.", "2026-11-25T11:00:00Z")), None),
    ],
)
def test_feeds_of_news(shape: str, body: bytes, expected: Incident | None) -> None:
    """An entry of the last day that does not say that it is over is what is so now."""
    assert expected == read(shape, body, NOW)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("statuspage", b"<!doctype html><html>Moved</html>"),
        ("statuspage", b"{}"),
        ("statuspage", b'{"status": "ok"}'),
        ("statuspage", b"[" * 100_000),
        ("json", b'{"something": "else"}'),
        ("json", b"\xff\xfe\x00"),
        ("json", b"[1, 2]"),
        ("rss", b"<html/>"),
        ("rss", b"<rss><channel><item><title>x</title></item></channel></rss>"),
        ("rss", b'<!DOCTYPE lolz [<!ENTITY a "ha">]><rss/>'),
        ("atom", b"<feed"),
    ],
)
def test_what_is_not_understood_is_not_good_news(shape: str, body: bytes) -> None:
    """A page that moved, or changed its shape, or means harm."""
    with pytest.raises(Unreadable):
        read(shape, body, NOW)


def test_a_name_is_one_short_line() -> None:
    """It stands in answers, in alerts and in the log."""
    name = "<b>Errors</b>\r\nX-Evil: 1 \x1b[31m" + "long " * 100
    said = statuspage("major", "", {"name": name, "status": "identified", "impact": "major"})

    found = read("statuspage", json.dumps(said).encode(), NOW)

    assert found is not None
    assert found.name.startswith("Errors X-Evil: 1 [31mlong long")
    assert len(found.name) <= 160


def test_what_is_not_about_the_whole_api_is_not_down() -> None:
    """It is told, and the breaker does as ever: an outage of another region says nothing of ours."""
    event = {
        "service_name": "S3",
        "region_name": "Ireland",
        "status": "3",
        "summary": "Errors",
        "event_log": [],
    }
    found = read("json", json.dumps([event]).encode(), NOW)

    assert found is not None
    assert (found.severity, found.down) == ("major", False)
    assert Incident("Errors", 2).down
