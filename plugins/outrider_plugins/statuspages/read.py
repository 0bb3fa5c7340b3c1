"""Read what status pages say, in the shapes of November 2026: the worst incident that is not over.

An incident of a region, of a service, or of what nobody can tell, is told and not acted on: it is not
`whole`. Whatever is not understood is `Unreadable`: a page that changed its shape must not look like one
that says all is well. Vendors' own JSON is known by its members, since their feeds have no name for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from outrider.plugin import Incident

if TYPE_CHECKING:
    from xml.etree import ElementTree

#: Characters of a title that are kept: it comes from elsewhere, and goes into answers and alerts.
_LONGEST = 160
#: Seconds for which the newest entry of a feed of news is what is so now, unless it says that it is over.
_NEWS_S = 24 * 3600.0

_LEVELS = {
    "none": 0, "ok": 0, "operational": 0, "up": 0,
    "minor": 1, "maintenance": 1, "under_maintenance": 1, "degraded_performance": 1, "degraded": 1,
    "delay": 1, "notice": 1, "low": 1, "service_information": 1,
    "major": 2, "partial_outage": 2, "incident": 2, "medium": 2, "service_disruption": 2,
    "critical": 3, "major_outage": 3, "full_outage": 3, "outage": 3, "down": 3, "high": 3,
    "service_outage": 3,
}  # fmt: skip
_OVER = re.compile(r"\b(resolved|completed|postmortem|operating normally|all systems operational)\b", re.I)
_PLANNED = re.compile(r"\b(scheduled|maintenance|upcoming)\b", re.I)
_DOWN = re.compile(r"\b(outage|down|unavailable|major|critical)\b", re.I)
_TAGS = re.compile(r"<[^>]*>")
_ATOM = "{http://www.w3.org/2005/Atom}"


class Unreadable(Exception):
    """What was answered is not in the shape that was expected."""


def read(shape: str, body: bytes, now: float) -> Incident | None:
    """Give the worst incident of a page; None when all is well. Unreadable for anything else.

    `now` is seconds since the epoch.
    """
    try:
        if shape in ("atom", "rss"):
            return _worst(_news(_xml(body), now))
        said = _json(body)
        return _worst(_statuspage(said) if shape == "statuspage" else _vendor(said))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SyntaxError) as error:
        raise Unreadable(f"not in the shape '{shape}' ({type(error).__name__})") from None


def _json(body: bytes) -> Any:
    return json.loads(body)  # finds out by itself whether it is UTF-8 or, as AWS's, UTF-16


def _xml(body: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("a feed needs no document type, and entities can grow without end")
    from xml.etree import ElementTree  # 0.8 MB that only a failing provider with a feed needs

    return ElementTree.fromstring(body)  # noqa: S314 - without a document type there is nothing to expand


def _worst(incidents: Iterable[Incident]) -> Incident | None:
    return max((one for one in incidents if one.level), key=lambda one: one.level, default=None)


def _incident(name: object, level: int, *, whole: bool) -> Incident:
    plain = " ".join(_TAGS.sub(" ", str(name or "")).split())
    plain = "".join(char for char in plain if char.isprintable())
    return Incident(plain[:_LONGEST] or "an incident without a name", level, whole)


def _level(word: object, otherwise: int = 1) -> int:
    return _LEVELS.get(str(word).lower(), otherwise)


def _statuspage(said: Mapping[str, Any]) -> Iterable[Incident]:
    """Atlassian's Statuspage, and those who answer like it; Square has `status.json`, without incidents.

    The indicator is about the page as a whole; an incident has an impact of its own, which may be higher.
    """
    status = said["status"]
    overall = _level(status["indicator"], 0)
    lasting = [one for one in said.get("incidents") or () if not _OVER.search(str(one.get("status")))]
    if not lasting:
        yield _incident(status.get("description"), overall, whole=True)
        return
    worst = max(lasting, key=lambda one: _level(one.get("impact"), 0))
    level = max(overall, _level(worst.get("impact"), 0))
    yield _incident(worst.get("name"), level, whole=overall >= 2)


def _vendor(said: Any) -> Iterable[Incident]:
    """A vendor's own JSON, by its members:

    1. `active_incidents`: Slack.
    2. `status`, a table of clusters: Algolia.
    3. `status` and `Incidents`: one instance of Salesforce.
    4. `status`, one word: Postmark.
    5. A list of events with `typeCode` or `event_log`: AWS.
    6. A list of instances with a `status`: Salesforce.
    7. A list of incidents with `external_desc`: Google Cloud.
    """
    if isinstance(said, list):
        for one in said:
            if "external_desc" in one:
                yield from _google(one)
            elif "event_log" in one or "typeCode" in one or "region_name" in one:
                yield from _amazon(one)
        yield from _salesforce([one for one in said if "key" in one and "status" in one])
        return
    if "active_incidents" in said:
        for one in said["active_incidents"]:
            level = _level(one.get("type"))
            yield _incident(one["title"], level, whole=level == 3)  # a whole outage, not a feature's incident
        return
    status = said["status"]
    if isinstance(status, dict):
        bad = {name: _level(state) for name, state in status.items() if _level(state)}
        if bad:
            names = ", ".join(sorted(bad)[:5])
            text = f"{len(bad)} of {len(status)} clusters in trouble: {names}"
            yield _incident(text, max(bad.values()), whole=len(bad) == len(status))
    elif "Incidents" in said:
        yield from _salesforce([said])
    else:
        yield _incident(f"status {str(status).upper()}", _level(status), whole=True)


def _google(one: Mapping[str, Any]) -> Iterable[Incident]:
    if not one.get("end"):
        level = _level(one.get("status_impact") or one.get("severity"))
        yield _incident(one["external_desc"], level, whole=False)


def _amazon(one: Mapping[str, Any]) -> Iterable[Incident]:
    """`status` is 0 for over, 1 for information, 2 for degraded, 3 for disrupted; newer ones have codes."""
    if one.get("endTime") or str(one.get("status")) == "0":
        return
    level = {"1": 1, "2": 1, "3": 2}.get(str(one.get("status")), 1)
    where = one.get("region_name") or one.get("region") or "all regions"
    name = one.get("summary") or one.get("typeCode")
    said = f"{name} ({one.get('service_name') or one.get('service')}, {where})"
    yield _incident(said, level, whole=False)


def _salesforce(instances: list[Mapping[str, Any]]) -> Iterable[Incident]:
    """`status` is OK, or says what there is: MAJOR_INCIDENT_CORE, MAINTENANCE_CORE and so on."""
    bad = [one for one in instances if str(one["status"]).upper() not in ("OK", "INFORMATIONAL_CORE")]
    if not bad:
        return
    level = 2 if any("MAJOR" in str(one["status"]).upper() for one in bad) else 1
    names = ", ".join(f"{one.get('key')} {one['status']}" for one in bad[:3])
    said = names if len(instances) == 1 else f"{len(bad)} of {len(instances)} instances: {names}"
    # One instance of hundreds is somebody else's, more likely than not.
    yield _incident(said, level, whole=2 * len(bad) >= len(instances))


def _news(root: ElementTree.Element, now: float) -> Iterable[Incident]:
    """A feed of news (RSS 2.0, Atom): each entry tells one incident, with all that was said of it."""
    title = "title"
    text: tuple[str, ...] = ("description",)
    dates: tuple[str, ...] = ("pubDate",)
    entries = root.iterfind("channel/item")
    if root.tag == f"{_ATOM}feed":
        title, text = f"{_ATOM}title", (f"{_ATOM}content", f"{_ATOM}summary")
        dates = (f"{_ATOM}updated", f"{_ATOM}published")
        entries = root.iterfind(f"{_ATOM}entry")
    elif root.tag != "rss":
        raise ValueError("neither RSS nor Atom")
    for entry in entries:
        name = entry.findtext(title) or ""
        said = " ".join([name, *(entry.findtext(one) or "" for one in text)])
        when = next((date for one in dates if (date := entry.findtext(one))), "")
        if now - _moment(when) > _NEWS_S or _OVER.search(said):
            continue
        level = 2 if _DOWN.search(name) and not _PLANNED.search(name) else 1
        yield _incident(name, level, whole=False)


def _moment(text: str) -> float:
    """Read the date of RSS (RFC 822) or Atom (RFC 3339), as seconds since the epoch."""
    text = text.strip()
    date = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
