"""Times, sizes, rates and words as `config.toml` writes them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from outrider.headers import TOKEN

from .parsed import Parsed
from .problems import did_you_mean

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_DURATION = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_SIZE = re.compile(rf"({_NUMBER})({'|'.join(_BYTES)})")
_RATE = re.compile(rf"({_NUMBER})/([smhd])")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_ON_KEY = re.compile(r"[45][0-9][0-9]|[45]xx|unreachable|timeout|limited")

ACTIONS = ("refresh", "retry", "failover", "queue", "message", "alert", "pass")


def parse_duration(value: object) -> float:
    """Read `"250ms"`, `"5s"`, `"2m"`, `"1h"`, `"7d"` or a number of seconds, as seconds."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return float(match[1]) * _SECONDS[match[2]]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise ValueError('must be a duration: "250ms", "5s", "2m", "1h", "7d", or seconds as a number')


def parse_timespan(value: object) -> float:
    """Read a duration that cannot be zero, as seconds."""
    duration_s = parse_duration(value)
    if duration_s <= 0:
        raise ValueError('must be longer than zero, e.g. "5s"')
    return duration_s


def parse_size(value: object) -> int:
    """Read `"256KiB"`, `"10MB"` or a number of bytes, as bytes."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        return (
            int(float(match[1]) * _BYTES[match[2]]) if "." in match[1] else int(match[1]) * _BYTES[match[2]]
        )
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError('must be a size: "256KiB", "16MiB", "5GiB", "10MB", or bytes as a whole number')


@dataclass(frozen=True, slots=True)
class Rate(Parsed):
    """So many calls in a window of `per_s` seconds: `"25/s"`, `"100/m"`, `"5/h"`, `"1000/d"`."""

    count: float
    per_s: float

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": rf"^{_NUMBER}/[smhd]$",
        "examples": ["25/s"],
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read `N/s`, `N/m`, `N/h` or `N/d`; N is more than zero."""
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or float(match[1]) <= 0:
            raise ValueError('must be a rate: "25/s", "100/m", "5/h" or "1000/d"')
        return cls(float(match[1]), _SECONDS[match[2]])

    def __str__(self) -> str:
        units = {seconds: unit for unit, seconds in _SECONDS.items()}
        return f"{_plain(self.count)}/{units.get(self.per_s) or f'{_plain(self.per_s)}s'}"

    def __repr__(self) -> str:
        return f"Rate({str(self)!r})"


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def parse_name(value: object) -> str:
    """Read the name of an integration: it is a path segment and a host label."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError("a name has only a-z, 0-9, '_' and '-', and begins with a letter or a digit")


def parse_client_name(value: object) -> str:
    """Read the name of a client: it is a metric's label."""
    if isinstance(value, str) and _CLIENT_NAME.fullmatch(value):
        return value
    raise ValueError("a name has only letters, digits, '_', '-' and '.', and begins with a letter or a digit")


def _on_key(value: str) -> str:
    if not _ON_KEY.fullmatch(value):
        raise ValueError(
            'must be a status from "400" to "599", "4xx", "5xx", "unreachable", "timeout" or "limited"'
            + did_you_mean(value, ("4xx", "5xx", "unreachable", "timeout", "limited"))
        )
    return value


def _header_name(value: str) -> str:
    if not TOKEN.fullmatch(value.encode()):
        raise ValueError("must be the name of a header, e.g. X-Api-Key")
    return value


def _header_value(value: str) -> str:
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError("must be one line of latin-1 text without control characters")
    return value


def _path_text(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError("must be the path of a file or folder")
    return value


_DURATION_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": rf"^{_NUMBER}(ms|s|m|h|d)$"},
        ],
        "examples": ["5s"],
    }
)

Duration = Annotated[float, PlainValidator(parse_duration), _DURATION_SCHEMA]
"""Seconds, from `"250ms"`, `"5s"`, `"2m"`, `"1h"`, `"7d"` or a number of seconds."""

Timespan = Annotated[float, PlainValidator(parse_timespan), _DURATION_SCHEMA]
"""A Duration longer than zero."""

Size = Annotated[
    int,
    PlainValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": rf"^{_NUMBER}({'|'.join(_BYTES)})$"},
            ],
            "examples": ["16MiB"],
        }
    ),
]
"""Bytes, from `"256KiB"`, `"10MB"` or a whole number."""


def parse_day(value: object) -> datetime:
    """Read a date or a time of TOML; a day begins at midnight UTC, and a time without an offset is UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ValueError("must be a date without quotes, e.g. 2026-10-01")
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


Day = Annotated[
    datetime,
    PlainValidator(parse_day),
    # TOML's dates are no JSON; editors give them to a schema as texts.
    WithJsonSchema({"type": "string", "examples": ["2026-10-01"]}),
]
"""A moment, from a date or a time of TOML."""

Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""

PathText = Annotated[str, AfterValidator(_path_text)]
"""A path as written; a relative one is relative to the folder of the file."""

HeaderName = Annotated[str, AfterValidator(_header_name)]
"""The name of a header (RFC 9110, token)."""

HeaderValue = Annotated[str, AfterValidator(_header_value)]
"""The value of a header: one line of latin-1."""

HostKey = Annotated[str, AfterValidator(parse_name)]
"""The name of a further origin: it is a path segment."""

OnKey = Annotated[
    str,
    AfterValidator(_on_key),
    WithJsonSchema({"type": "string", "pattern": f"^({_ON_KEY.pattern})$"}),
]
"""What happened: `429`, `5xx`, `unreachable`, `timeout` or `limited`."""
