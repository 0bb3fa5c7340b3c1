"""Wishes: what an app asks for a job, in `Prefer` (RFC 7240) and in `Outrider-*` fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from multidict import istr

from outrider.config.values import parse_duration
from outrider.plugin import Malformed

from .job import PRIORITIES

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

PREFER = istr("Prefer")
_NOT_BEFORE = "Outrider-Not-Before"
_EXPIRES = "Outrider-Expires"
_QUEUE_KEY = "Outrider-Queue-Key"
_PRIORITY = "Outrider-Priority"
_CALLBACK = "Outrider-Callback"

_PREFERENCES = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_DIGITS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,3})?")
#: Characters of a queue key, seconds of a long poll.
_LONGEST_KEY = 255
_LONGEST_WAIT_S = 60.0
#: Nobody means a later time: it is a number that was to be something else, the seconds of an epoch, say.
_FARTHEST_S = 10 * 365 * 86400.0


def wants_async(values: Iterable[str]) -> bool:
    """Whether `Prefer` fields have `respond-async` in them."""
    return any(_name(each) == "respond-async" for each in _preferences(values))


def without_async(values: Iterable[str]) -> str:
    """Give the preferences that are the provider's to see, "" where none is left."""
    return ", ".join(each for each in _preferences(values) if _name(each) not in ("respond-async", "wait"))


def wait_s(values: Iterable[str]) -> float:
    """Give how long a poll may wait: `wait=20`, at most a minute; 0 where nothing is said."""
    for each in _preferences(values):
        name, _, value = each.partition(";")[0].partition("=")
        if name.strip().lower() == "wait" and _DIGITS.fullmatch(value.strip().strip('"')):
            return min(float(value.strip().strip('"')), _LONGEST_WAIT_S)
    return 0.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """The `Outrider-*` fields of one request. Times are seconds since the epoch."""

    not_before: float | None = None
    expires: float | None = None
    queue_key: str | None = None
    priority: int = 1
    callback: str | None = None


def read_wishes(headers: CIMultiDictProxy[str], now: float) -> Wishes:
    """Read them. Malformed names the field that cannot be read."""
    not_before = _moment(headers, _NOT_BEFORE, now)
    if not_before is not None and not_before > now + _FARTHEST_S:
        raise Malformed(f"{_NOT_BEFORE} is more than ten years away")
    expires = _moment(headers, _EXPIRES, now)
    if expires is not None and expires <= max(now, not_before or now):
        raise Malformed(f"{_EXPIRES} is over before the job could be sent")
    key = text_of(headers, _QUEUE_KEY)
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise Malformed(f"{_QUEUE_KEY} has from 1 to {_LONGEST_KEY} characters")
    priority = headers.get(_PRIORITY, "normal").strip().lower()
    if priority not in PRIORITIES:
        raise Malformed(f"{_PRIORITY} is one of {', '.join(PRIORITIES)}")
    return Wishes(not_before, expires, key, PRIORITIES.index(priority), text_of(headers, _CALLBACK))


def text_of(headers: CIMultiDictProxy[str], name: str) -> str | None:
    """Give what is to be stored as text. Malformed for bytes that are no UTF-8: no database takes them."""
    text = headers.get(name)
    if text is not None and not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Malformed(f"{name} is not UTF-8") from None
    return text


def _moment(headers: CIMultiDictProxy[str], name: str, now: float) -> float | None:
    """Read a time: RFC 3339, an HTTP date, or a duration from now (`10m`, or seconds)."""
    text = headers.get(name)
    if text is None:
        return None
    text = text.strip()
    try:
        return now + parse_duration(float(text) if _DIGITS.fullmatch(text) else text)
    except ValueError:
        pass
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError):
            continue
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    raise Malformed(f"{name} is a time (2026-11-23T12:00:00Z), an HTTP date, or a duration from now (10m)")


def _preferences(values: Iterable[str]) -> list[str]:
    return [each.strip() for value in values for each in _PREFERENCES.findall(value) if each.strip()]


def _name(preference: str) -> str:
    return re.split(r"[;=]", preference, maxsplit=1)[0].strip().lower()
