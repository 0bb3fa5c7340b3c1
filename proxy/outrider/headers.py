"""Header fields as they are on the wire: ordered pairs of bytes, names in the case they came in.

Which fields end at Outrider is decided per target, once for each name: `Filter` remembers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Field: TypeAlias = tuple[bytes, bytes]

#: What a name is, and a method (RFC 9110 section 5.6.2).
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Bytes that may stand in a field: no control characters but the tab (RFC 9110 section 5.5).
CLEAN = bytes(byte for byte in range(256) if byte == 0x09 or (byte >= 0x20 and byte != 0x7F))
#: RFC 9110 section 7.6.1, and what a recipient re-makes for each hop.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
#: Answered or made by Outrider itself, so never passed on from the app.
REQUEST_ONLY = frozenset((b"expect", b"host", b"http2-settings"))
#: Where applications put credentials.
CREDENTIALS = frozenset((b"authorization", b"x-api-key", b"api-key", b"proxy-authorization"))
#: Fields that are ours both ways: nobody else may set them.
OURS = (b"outrider-", b"x-outrider-")
#: Of a request also those that only mean something between a client and its proxy.
OURS_OR_PROXY = (*OURS, b"proxy-")

_REMEMBERED = 1024
NO_NAMES: frozenset[bytes] = frozenset()


class Headers:
    """The fields of one request or response, mutable, in order: a view of the list `fields`."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[Field] | None = None) -> None:
        self.fields: list[Field] = [] if fields is None else fields

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __repr__(self) -> str:
        # Values can be secrets.
        return f"<Headers {b', '.join(name for name, _ in self.fields).decode('latin-1')}>"

    def get(self, name: str) -> str | None:
        """Give the first value of `name`, in any case, or None."""
        wanted = name.lower().encode("latin-1")
        for field, value in self.fields:
            if field.lower() == wanted:
                return value.decode("latin-1")
        return None

    def get_all(self, name: str) -> list[str]:
        """Give every value of `name`, in order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for field, value in self.fields if field.lower() == wanted]

    def add(self, name: str, value: str) -> None:
        """Append a field; ValueError for a control character, so that nothing can be split."""
        self.fields.append(field(name, value))

    def set(self, name: str, value: str) -> None:
        """Replace every field of this name by one."""
        new = field(name, value)
        self.remove(name)
        self.fields.append(new)

    def remove(self, name: str) -> None:
        """Remove every field of this name."""
        unwanted = name.lower().encode("latin-1")
        self.fields[:] = [pair for pair in self.fields if pair[0].lower() != unwanted]


def field(name: str, value: str) -> Field:
    """Make a field of text; ValueError for what cannot stand in one (RFC 9110 section 5.5)."""
    pair = name.encode("latin-1"), value.encode("latin-1")
    if not name or any(byte < 0x20 or byte == 0x7F for part in pair for byte in part if byte != 0x09):
        raise ValueError(f"field {name!r}: a control character cannot stand in a header field")
    return pair


class Filter:
    """Which fields pass. The verdict on a name is made once and remembered, up to a cap."""

    __slots__ = ("_drop", "_prefixes", "_verdicts")

    def __init__(self, drop: frozenset[bytes], prefixes: tuple[bytes, ...] = OURS) -> None:
        self._drop = drop
        self._prefixes = prefixes
        self._verdicts: dict[bytes, bool] = {}

    def passes(self, name: bytes) -> bool:
        """Whether a field of this name is passed on."""
        verdict = self._verdicts.get(name)
        if verdict is None:
            lower = name.lower()
            verdict = lower not in self._drop and not lower.startswith(self._prefixes)
            if len(self._verdicts) < _REMEMBERED:
                self._verdicts[name] = verdict
        return verdict

    def apply(self, fields: Iterable[Field], named: frozenset[bytes] = NO_NAMES) -> list[Field]:
        """Give the fields that pass, as a new list; `named` are those that a Connection field names."""
        verdicts = self._verdicts
        try:
            kept = [pair for pair in fields if verdicts[pair[0]]]
        except KeyError:
            kept = [pair for pair in fields if self.passes(pair[0])]
        if named:
            kept = [pair for pair in kept if pair[0].lower() not in named]
        return kept


def connection_names(values: list[str]) -> frozenset[bytes]:
    """Give the lower-case names that Connection fields list, all of them (RFC 9110 section 7.6.1)."""
    if values == ["keep-alive"] or values == ["close"]:
        return NO_NAMES
    names = (token.strip().lower() for value in values for token in value.split(","))
    return frozenset(token.encode("latin-1", "replace") for token in names if token)


def serialize(fields: Iterable[Field]) -> bytes:
    """Write fields as they go on the wire."""
    return b"\r\n".join([*map(b": ".join, fields), b""])
