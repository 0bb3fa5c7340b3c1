"""Calls: a method and a path, as `endpoints` lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from .parsed import Parsed

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_SHAPE = re.compile(r"(\S+) +(\S+)")
_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?=/|$)", re.IGNORECASE)
_LITERAL = re.compile(r"[!$-;=@-Z_a-z~]*")  # printable ASCII but for space " # < > ? [ \ ] ^ ` { | }


#: What a parameter stands for: no slash, and no slash or backslash that is percent-encoded.
_SEGMENT = "(?:[^/%]|%(?!2[Ff]|5[Cc]))+"
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def _in_any_case(escape: re.Match[str]) -> str:
    return f"(?i:{escape[0]})"


@dataclass(frozen=True, slots=True)
class Call(Parsed):
    """A method and the template of a path: `"POST /v1/customers/{id}"`.

    `{id}` stands for exactly one segment, or for a part of one (`/models/{model}:generate`). A slash that is
    percent-encoded is not in it: many servers decode before they route, and `/customers/a%2Fcards` would be a
    call that nobody listed. Where an API wants one, the template says so: `/projects/{group}%2F{project}`.
    """

    method: str
    template: str
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    """Matches (use `fullmatch`) a raw path, which is still percent-encoded and without its query."""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": rf"^({'|'.join(METHODS)}) +/\S*$",
        "examples": ["POST /v1/charges"],
    }

    def __post_init__(self) -> None:
        pieces = [_ESCAPE.sub(_in_any_case, re.escape(piece)) for piece in _PARAMETER.split(self.template)]
        object.__setattr__(self, "pattern", re.compile(_SEGMENT.join(pieces)))

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read `METHOD /path`."""
        shape = _SHAPE.fullmatch(value) if isinstance(value, str) else None
        if shape is None:
            raise ValueError('must be a method and a path, e.g. "POST /v1/charges"')
        method, template = shape.groups()
        if method not in METHODS:
            raise ValueError(f"the method must be one of {', '.join(METHODS)}")
        if not template.startswith("/"):
            raise ValueError('the path must begin with "/", e.g. "POST /v1/charges"')
        if "?" in template:
            raise ValueError("a call has no query; leave out what follows the '?'")
        rest = _PARAMETER.sub("", template)
        if "{" in rest or "}" in rest or "}{" in template:
            raise ValueError('a parameter is a name in braces, e.g. "GET /v1/charges/{id}"')
        if not _LITERAL.fullmatch(rest):
            raise ValueError("the path has a character that no URL path has; write it percent-encoded")
        if _DOTS.search(template):
            raise ValueError("the path has a dot segment, and such a request is refused; leave it out")
        return cls(method, template)

    def matches(self, method: str, raw_path: str) -> bool:
        """Whether a request of this method and raw path, without its query, is this call."""
        return method == self.method and self.pattern.fullmatch(raw_path) is not None

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    def __repr__(self) -> str:
        return f"Call({str(self)!r})"
