"""The pieces that a provider's facts are made of: plans, signs in responses, status pages, URLs in bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .config import Limit, Rate

if TYPE_CHECKING:
    from .headers import Headers
    from .problem import Problem
    from .response import Response

_LONG_WINDOW = re.compile(r"([0-9]+)/([1-9][0-9]*)s")
#: Fields in which a provider says itself whether to try again, in any provider's responses.
WORDS = ("x-should-retry", "stripe-should-retry")


@dataclass(frozen=True, slots=True)
class Published:
    """One limit that a provider publishes, written as `[[limits]]` would be.

    One that counts something else than calls, or that is `per` something smaller than the account, is told
    to people and not kept to: Outrider does not see what it is about.
    """

    rate: str = ""
    """`"100/s"`, `"190/10s"`; "" where no number is published."""
    burst: int | None = None
    """How many may go at once. Of a window of more than a second all may, unless given: that is how providers
    count, and a limit that spread an hour's calls evenly would refuse what they allow."""
    concurrency: int | None = None
    calls: tuple[str, ...] = ()
    """The calls it is for, `"POST /v1/charges"`; all of them where empty."""
    counts: str = "calls"
    per: str = ""
    """What each has one of, e.g. `"endpoint"`, `"channel"`; "" is the account or the key."""
    note: str = ""
    sure: bool = True
    """False: not read in the provider's own words, so it may be wrong."""

    @property
    def kept(self) -> bool:
        """Whether it can be kept to here."""
        return bool(self.rate or self.concurrency) and self.counts == "calls" and not self.per

    def limit(self) -> Limit:
        """Give it as the file would have it. ValueError where it is malformed."""
        given: dict[str, Any] = {"burst": self.burst, "concurrency": self.concurrency}
        if self.rate:
            rate = given["rate"] = _rate(self.rate)
            if self.burst is None and rate.per_s > 1:
                given["burst"] = max(1, int(rate.count))
        if self.calls:
            given["endpoints"] = self.calls
        return Limit.model_validate(given)

    def __str__(self) -> str:
        words = [self.rate] if self.rate else []
        words += [f"burst {self.burst}"] if self.burst else []
        words += [f"{self.concurrency} at once"] if self.concurrency else []
        said = ", ".join(words) or "no number published"
        said += f"{'' if words else ' of'} {self.counts}" if self.counts != "calls" else ""
        said += f" per {self.per}" if self.per else ""
        said += f" for {_few(self.calls)}" if self.calls else ""
        return said + (f" ({self.note})" if self.note else "") + ("" if self.sure else " (unsure)")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one plan of a provider allows. `plan = "NAME"` in the file makes its limits the integration's."""

    limits: tuple[Published, ...]
    source: str
    """The URL of the page that says so."""
    as_of: str
    """The day on which it was read, `"2026-11-23"`."""
    note: str = ""

    def kept(self) -> tuple[Limit, ...]:
        """Give the limits that can be kept to here, as the file would have them."""
        return tuple(published.limit() for published in self.limits if published.kept)


@dataclass(frozen=True, slots=True)
class Sign:
    """By what a response is known: all that is given must hold. `Sign(403, field="Retry-After")`.

    `field` is the name of a field, or `"name: value"`; of `words` one must stand in the body (its first
    64 KiB, and only of an error).
    """

    status: int = 0
    field: str = ""
    words: tuple[str, ...] = ()

    def seen_in(self, response: Response) -> bool:
        """Whether the response shows it."""
        if self.status and response.status != self.status:
            return False
        if self.field:
            name, colon, value = self.field.partition(":")
            given = response.headers.get(name)
            if given is None or (colon and given.strip() != value.strip()):
                return False
        return not self.words or any(word in response.text for word in self.words)

    def __str__(self) -> str:
        said = [f"{self.status or 'any status'}"]
        said += [f"with {self.field}"] if self.field else []
        said += [f"that says {' or '.join(self.words)}"] if self.words else []
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class StatusPage:
    """Where a provider says how it is: a page for people, and a feed for programs where it has one."""

    url: str
    feed: str = ""
    shape: Literal["", "statuspage", "json", "atom", "rss"] = ""
    """`statuspage`: `status.indicator` is none, minor, major or critical; others have their own shapes."""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Incident:
    """What a provider's status page says is wrong now."""

    name: str
    """Its title, on one line."""
    level: int
    """1 minor, 2 major, 3 critical."""
    whole: bool = True
    """Whether it is about the API as a whole, not a region of it, a service, or what nobody can tell."""

    @property
    def down(self) -> bool:
        """Whether the provider says that it does not work, rather than that something is slow."""
        return self.whole and self.level >= 2

    @property
    def severity(self) -> str:
        """The level in a word."""
        return ("none", "minor", "major", "critical")[self.level]

    def __str__(self) -> str:
        return f"{self.name} ({self.severity})"


@dataclass(frozen=True, slots=True)
class Urls:
    """Fields of a JSON response that hold URLs of the provider, which its SDK follows.

    They are turned back to the sidecar; `fields` are names at any depth, `*_url` any name that ends so. A
    body is read for that, so name the calls, and only URLs that programs follow: what a browser opens stays.
    """

    call: str
    """`"POST /api/files.getUploadURLExternal"`; `"GET"` for every GET, `""` for every call."""
    fields: tuple[str, ...]


def _few(calls: tuple[str, ...]) -> str:
    more = f" and {len(calls) - 3} more" if len(calls) > 4 else ""
    return ", ".join(calls[:3] if more else calls) + more


def _rate(text: str) -> Rate:
    """Read a rate as the file has it, or one of a window of several seconds: `"190/10s"`."""
    match = _LONG_WINDOW.fullmatch(text)
    return Rate(float(match[1]), float(match[2])) if match else Rate.parse(text)


def said(headers: Headers) -> bool | None:
    """Give what a response says itself of whether to try again; None where it does not."""
    words = [headers.get(name) for name in WORDS]
    return True if "true" in words else False if "false" in words else None


def fill(template: Any, problem: Problem) -> Any:
    """Write a problem in an envelope: `{message}`, `{code}`, `{status}`, `{title}`, `{detail}`, `{id}`.

    A text that is one placeholder becomes the value itself, so that `"{status}"` is a number.
    """
    values = {
        "{message}": f"{problem.detail} ({problem.outrider_id})",
        "{code}": problem.type.removeprefix("urn:outrider:").replace("-", "_"),
        "{status}": problem.status,
        "{title}": problem.title,
        "{detail}": problem.detail,
        "{id}": problem.outrider_id,
    }
    return _filled(template, values)


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        if template in values:
            return values[template]
        for name, value in values.items():
            if name in template:
                template = template.replace(name, str(value))
        return template
    if isinstance(template, Mapping):
        return {key: _filled(each, values) for key, each in template.items()}
    if isinstance(template, Sequence):
        return [_filled(each, values) for each in template]
    return template


def json_of(response: Response) -> Any:
    """Give the body of an error that was read, as JSON; None where it is none."""
    try:
        return json.loads(response.text)
    except ValueError:
        return None
