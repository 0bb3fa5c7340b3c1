"""What a provider's responses say of its limits: read from many spellings, kept for one target.

Formats by provider, as of November 2026; the tests have a row for each.
Draft: draft-ietf-httpapi-ratelimit-headers-11, and the wire forms of -06 and -07 before it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from outrider.plugin import Field, Headers

#: What is further away counts as this: a provider that says "next year", by a slip of units or of
#: its clock, must not shut a target for good. After an hour one call goes out and asks again.
LONGEST_S = 3600.0

_REMEMBERED = 1024  # verdicts on names of fields
_LONGEST_VALUE = 1024
_MOST = 32  # limits of one target: their names come from the provider
_FEW = 10
#: A number from here on is a moment since 1970, in seconds; from the second on, in milliseconds.
_EPOCH, _EPOCH_MS, _TOO_MUCH = 1e8, 1e11, 1e14

_NAME = re.compile(r"(?:x-)?(?:[a-z0-9]+-)?rate-?limit(?:-([a-z0-9-]+))?")
_COUNT = re.compile(r"\s*([0-9]{1,15})(?:\.[0-9]{1,15})?\s*(?:[;,].*)?")
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_DURATION = re.compile(r"(?:[0-9]{1,15}(?:\.[0-9]{1,15})?(?:ns|us|ms|s|m|h|d))+")
_PIECE = re.compile(r"([0-9.]+)(ns|us|ms|s|m|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PAIR = re.compile(r"\s*([a-z-]+)=([0-9]{1,15}(?:/[0-9]{1,15})?)\s*(?:[,;]|$)")
_VALUE = r'(?:"(?:[^"\\]|\\["\\])*"|:[A-Za-z0-9+/=]*:|[^\s;,"=:][^\s;,"=]*)'
_KEY = r"[ \t]*;[ \t]*([a-z*][\w.*-]*)"
_ITEM = re.compile(rf"[ \t]*({_VALUE})((?:{_KEY}(?:={_VALUE})?)*)[ \t]*(?:,|$)")
_PARAMETER = re.compile(rf"{_KEY}(?:=({_VALUE}))?")

_KINDS = {
    "limit": "limit",
    "max": "limit",
    "remaining": "remaining",
    "reset": "reset",
    "resets": "reset",
    "resettime": "reset",
    "concurrentlimit": "limit",
    "concurrentremaining": "remaining",
}
_WINDOWS = frozenset(("second", "secondly", "minute", "hour", "hourly", "day", "daily", "month", "monthly"))
#: These say which part of the API the other fields are about.
_PARTS = frozenset(("resource", "bucket", "name"))
#: Parts that are the API as a whole: GitHub's and GitLab's.
_WHOLE = frozenset(("core", "throttle_authenticated_api"))
#: What a call takes an unknown number of.
_NOT_CALLS = re.compile("token|byte|concurrent|cost|point|credit")


@dataclass(frozen=True, slots=True)
class Seen:
    """One limit as one response tells it; None: not told, or rubbish."""

    name: str
    limit: int | None
    remaining: int | None
    reset_s: float | None  # from now
    whole: bool = True  # running out of it stops every call; False: those of one endpoint or bucket

    @property
    def nearly_used(self) -> bool:
        """Whether four fifths are gone; a limit of a few calls is always nearly used."""
        if self.limit is None or self.remaining is None or self.limit < _FEW:
            return False
        return 5 * self.remaining <= self.limit

    @property
    def counts_calls(self) -> bool:
        """Whether each call takes exactly one."""
        return _NOT_CALLS.search(self.name) is None


_Verdict: TypeAlias = tuple[str, str] | None
_verdicts: dict[bytes, _Verdict] = {}
_silent: set[bytes] = set()
"""Names of fields that tell nothing of limits by themselves."""


def _verdict(name: bytes) -> _Verdict:
    """Say what kind of field a name is, and the name of its limit: judged once for each name."""
    if name in _verdicts:
        return _verdicts[name]
    verdict = _judge(name.decode("latin-1").lower())
    if len(_verdicts) < _REMEMBERED:
        _verdicts[name] = verdict
        if verdict is None or verdict[0] in ("age", "date"):
            _silent.add(name)
    return verdict


def _judge(name: str) -> _Verdict:
    if name in ("ratelimit", "ratelimit-policy", "age", "date"):
        return name, ""
    if name == "x-shopify-shop-api-call-limit":
        return "used/max", "requests"
    if name == "sforce-limit-info":
        return "used/max", "api-usage"
    if name.startswith("zendesk-ratelimit-"):
        return "pairs", name.removeprefix("zendesk-ratelimit-")
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    words = (match[1] or "limit").split("-")
    if words[-1] in _PARTS:
        return "part", ""
    found = [word for word in words if word in _KINDS]
    if not found:
        return ("limit", match[1]) if match[1] in _WINDOWS else None
    kind = _KINDS[found[0]]
    rest = [word for word in words if word not in _KINDS]
    if found[0].startswith("concurrent"):
        rest.append("concurrent")
    if kind == "reset" and rest and rest[-1] in ("after", "in", "at", "time", "ms"):
        kind = {"after": "reset-after", "in": "reset-after", "ms": "reset-ms"}.get(rest.pop(), "reset")
    return kind, "-".join(rest) or "requests"


def silent(fields: list[Field]) -> bool:
    """Whether the names of fields are all known to tell nothing of limits: nearly always so."""
    return _silent.issuperset(dict(fields))


def read(status: int, headers: Headers, now_wall: float) -> list[Seen]:
    """Read what a response says of limits; `now_wall` is seconds since 1970.

    A cached response says nothing (draft, section 5). On a 429 the one limit that says when it
    resets, but not what is left, has nothing left.
    """
    told = [(*verdict, value) for name, value in headers.fields if (verdict := _verdict(name)) is not None]
    if all(kind in ("age", "date") for kind, _, _ in told):
        return []
    return _put_together(status, told, now_wall)


def _put_together(status: int, told: list[tuple[str, str, bytes]], now_wall: float) -> list[Seen]:
    limits: dict[str, dict[str, float | None]] = {}
    part, base, partial = "", now_wall, set()
    texts = [(kind, name, _text(value)) for kind, name, value in told if len(value) <= _LONGEST_VALUE]
    for kind, _, text in texts:
        if kind == "age" and _count(text):
            return []
        if kind == "date":
            base = _moment(text) or now_wall
        elif kind == "part":
            part = part or text[:64].strip()

    def put(name: str, kind: str, value: float | None) -> None:
        if value is not None and len(limits) < _MOST:
            limits.setdefault(name, {}).setdefault(kind, value)

    for kind, name, text in texts:
        if kind == "ratelimit":
            for policy, parameters in _items(text):
                put(policy, "remaining", _count(parameters.get("r", parameters.get("remaining", ""))))
                put(policy, "limit", _count(parameters.get("limit", "")))
                put(policy, "reset", _seconds(parameters.get("t", parameters.get("reset", "")), base))
        elif kind == "ratelimit-policy":
            for policy, parameters in _items(text):
                put(policy, "limit", _count(parameters.get("q", "")))
        elif kind == "used/max":
            match = _PAIR.match(text if "=" in text else f"calls={text}")
            if match is not None and "/" in match[2]:
                used, most = map(int, match[2].split("/"))
                put(name, "limit", most)
                put(name, "remaining", max(0, most - used))
        elif kind == "pairs":
            pairs = dict(_PAIR.findall(text))
            put(name, "limit", _count(pairs.get("total", "")))
            put(name, "remaining", _count(pairs.get("remaining", "")))
            put(name, "reset", _seconds(pairs.get("resets", ""), base))
            partial.add(name)
        elif kind in ("limit", "remaining"):
            put(name, kind, _count(text))
        elif kind == "reset":
            put(name, "reset", _seconds(text, base))
        elif kind in ("reset-after", "reset-ms"):
            after_s = _plain(text, 0.001 if kind == "reset-ms" else 1.0)
            if after_s is not None:
                limits.setdefault(name, {})["reset"] = after_s  # exact, where a moment depends on two clocks
    if status == 429:
        unsaid = [fields for fields in limits.values() if "reset" in fields]
        if len(unsaid) == 1:
            unsaid[0].setdefault("remaining", 0)
    return list(_seens(limits, part, partial))


def _seens(limits: dict[str, dict[str, float | None]], part: str, partial: set[str]) -> Iterator[Seen]:
    for name, fields in limits.items():
        limit, remaining, reset_s = fields.get("limit"), fields.get("remaining"), fields.get("reset")
        whole = name not in partial and (not part or part in _WHOLE)
        yield Seen(
            part if part and name == "requests" else name,
            None if limit is None else int(limit),
            None if remaining is None else int(remaining),
            reset_s,
            whole,
        )


def retry_after(headers: Headers, now_wall: float) -> float | None:
    """Seconds that a response asks to wait, an hour at most; None: it does not ask, or asks rubbish.

    `retry-after-ms` (OpenAI, Azure) is the finer one. A date counts from the response's own `Date`.
    """
    millis = headers.get("retry-after-ms")
    if millis is not None and (seconds := _plain(millis.strip(), 0.001)) is not None:
        return seconds
    text = headers.get("retry-after")
    if text is None or len(text) > _LONGEST_VALUE:
        return None
    date = headers.get("date")
    return _seconds(text, (_moment(date) if date else None) or now_wall)


def _text(value: bytes) -> str:
    try:
        return value.decode("ascii").strip()
    except UnicodeDecodeError:
        return ""


def _count(text: str) -> int | None:
    match = _COUNT.fullmatch(text)
    return int(match[1]) if match else None


def _plain(text: str, unit_s: float) -> float | None:
    """Read a number of units from now, as seconds."""
    seconds = float(text) * unit_s if _NUMBER.fullmatch(text) else _TOO_MUCH
    return min(seconds, LONGEST_S) if seconds < _TOO_MUCH else None


def _seconds(text: str, base: float) -> float | None:
    """Read a delay, a duration or a moment, as seconds from `base`; what is past is 0."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number >= _TOO_MUCH:
            return None
        if number >= _EPOCH:
            number = (number / 1000 if number >= _EPOCH_MS else number) - base
    elif _DURATION.fullmatch(text):
        number = sum(float(count) * _SECONDS[unit] for count, unit in _PIECE.findall(text))
    else:
        moment = _moment(text)
        if moment is None:
            return None
        number = moment - base
    return min(max(number, 0.0), LONGEST_S)


def _moment(text: str) -> float | None:
    """Read an HTTP date in any of its three forms, or an ISO 8601 date, as seconds since 1970."""
    if not text.isascii() or not 10 <= len(text) <= 64:
        return None
    try:
        date = datetime.fromisoformat(text) if text[0].isdigit() else parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _items(text: str) -> list[tuple[str, dict[str, str]]]:
    """Read a structured list: names and their parameters. A malformed one is empty (RFC 9651, 4.2)."""
    if re.match(r"[ \t]*(?:limit|remaining|reset)=", text):  # the dictionary of draft -07
        return [("requests", dict(_PAIR.findall(text)))]
    items, start = [], 0
    while start < len(text) or text.endswith(","):
        match = _ITEM.match(text, start)
        if match is None:
            return []
        item, start = match[1], match.end()
        parameters = {name: _unquoted(value) for name, value in _PARAMETER.findall(match[2])}
        if item.startswith('"'):
            items.append((_unquoted(item)[:64], parameters))
        else:
            items.append(("requests", {"q": item, **parameters}))  # "100;w=60", up to draft -07
    return items


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


class _Limit:
    """A limit as it was told last; the window it is about ends at `reset_at`, if that was told."""

    __slots__ = ("in_flight", "remaining", "reset_at", "seen", "sent")

    def __init__(self) -> None:
        self.seen = Seen("", None, None, None)
        self.remaining: int | None = None
        self.reset_at: float | None = None
        self.in_flight = 0  # sent and not answered when it was told: not in `remaining` yet
        self.sent = 0  # how many had been sent by then


class Learned:
    """What one target has said of its limits, and until when nothing may be sent because of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits: dict[str, _Limit] = {}
        self._halt_until = 0.0
        self._sent = 0

    def __repr__(self) -> str:
        names = ", ".join(f"{name} {self._left(limit)}" for name, limit in self._limits.items())
        return f"<Learned {names or 'nothing'}>"

    def sent(self) -> int:
        """Count a send, and give its number."""
        self._sent += 1
        return self._sent

    def hold(self, seconds: float) -> None:
        """Halt the target for so long, an hour at most, as a 429 with `Retry-After` asks."""
        if seconds > 0:
            self._halt_until = max(self._halt_until, self._clock() + min(seconds, LONGEST_S))

    def observe(self, seens: list[Seen], in_flight: int, number: int | None = None) -> None:
        """Take in what a response says, while `in_flight` other calls are sent and not answered.

        1. Sent after the last word on the limit (its `number` of `sent()` says so): it is the news.
        2. Of another window: the news too.
        3. Of the same window, and perhaps older: the smaller remaining is true.
        """
        for seen in seens:
            limit = self._limits.get(seen.name)
            if limit is None:
                if len(self._limits) >= _MOST:
                    continue
                limit = self._limits[seen.name] = _Limit()
            newer = number is not None and number > limit.sent
            self._take_in(limit, seen, newer)
            if seen.remaining is not None:
                limit.in_flight, limit.sent = in_flight, self._sent

    def _take_in(self, limit: _Limit, seen: Seen, newer: bool) -> None:
        now = self._clock()
        old = limit.seen
        limit.seen = Seen(seen.name, old.limit if seen.limit is None else seen.limit, None, None, seen.whole)
        if seen.remaining is None:
            return
        reset_at = None if seen.reset_s is None else now + seen.reset_s
        if not newer and limit.remaining is not None and limit.reset_at is not None and limit.reset_at > now:
            # A response in seconds that was long on its way seems to end later; a new window ends
            # later by nearly its whole length.
            same = reset_at is None or reset_at - limit.reset_at <= max(1.0, (seen.reset_s or 0.0) / 2)
            if same and seen.remaining >= limit.remaining:
                return
            reset_at = limit.reset_at if reset_at is None else reset_at
        limit.remaining, limit.reset_at = seen.remaining, reset_at

    def hold_until(self) -> float:
        """Give the moment of the clock before which nothing may be sent; a past one if there is none."""
        until = self._halt_until
        for limit in self._limits.values():
            reset_at = limit.reset_at
            if reset_at is not None and reset_at > until and limit.seen.whole:
                left = self._left(limit)
                if left is not None and left <= 0:
                    until = reset_at
        return until

    def snapshot(self) -> list[dict[str, str | int | float | None]]:
        """Say what is known, for a page: `name`, `limit`, `remaining`, `resets_s`; None: not known."""
        now = self._clock()
        rows: list[dict[str, str | int | float | None]] = []
        for name, limit in self._limits.items():
            over = limit.reset_at is not None and limit.reset_at <= now
            left = None if over else self._left(limit)
            resets_s = None if over or limit.reset_at is None else limit.reset_at - now
            left = left if left is None else max(0, left)
            rows.append({"name": name, "limit": limit.seen.limit, "remaining": left, "resets_s": resets_s})
        if self._halt_until > now:
            halt_s = self._halt_until - now
            rows.append({"name": "retry-after", "limit": None, "remaining": 0, "resets_s": halt_s})
        return rows

    def _left(self, limit: _Limit) -> int | None:
        if limit.remaining is None or not limit.seen.counts_calls:
            return limit.remaining
        return limit.remaining - limit.in_flight - (self._sent - limit.sent)
