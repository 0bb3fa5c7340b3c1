"""A request as a provider received it: the bytes, not an interpretation of them."""

import json
import re
from time import monotonic
from typing import Any

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) HTTP/(1\.[01])")
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_LENGTH = re.compile(r"[0-9]{1,18}")


class MalformedRequestError(ValueError):
    """What arrived is not HTTP/1.1: a bug in whoever sent it."""


class ReceivedRequest:
    """One request, recorded from the moment its head has arrived.

    Names and values are decoded as latin-1, so that every byte is there to compare.
    """

    __slots__ = (
        "_body",
        "answered",
        "chunked",
        "complete",
        "connection",
        "head",
        "headers",
        "length",
        "method",
        "received",
        "size",
        "target",
        "trailers",
        "version",
    )

    def __init__(self, head: bytes, connection: int) -> None:
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        parts = _REQUEST_LINE.fullmatch(line)
        if parts is None:
            raise MalformedRequestError(f"request line {line!r}")
        self.method, self.target, self.version = (part.decode("latin-1") for part in parts.groups())
        self.received = monotonic()
        """When its head was here, by `time.monotonic`."""
        self.head = head
        self.headers = parse_fields(fields)
        self.trailers: tuple[tuple[str, str], ...] = ()
        self.connection = connection
        """The number of the connection it came on; the provider's first is 1."""
        self.length, self.chunked = self._framing()
        self.size = 0
        """Bytes of body so far, kept or not."""
        self.complete = not self.length and not self.chunked
        """Whether all of its body has arrived."""
        self.answered = False
        """Whether its answer has been played to the end."""
        self._body = bytearray()

    def __repr__(self) -> str:
        state = "" if self.complete else ", incomplete"
        return f"<ReceivedRequest {self.method} {self.target}, {self.size} bytes on {self.connection}{state}>"

    def _framing(self) -> tuple[int, bool]:
        lengths, codings = self.values("Content-Length"), self.values("Transfer-Encoding")
        match lengths, codings:
            case [], []:
                return 0, False
            case [str(length)], [] if _LENGTH.fullmatch(length):
                return int(length), False
            case [], [str(coding)] if coding.lower() == "chunked":
                return 0, True
        raise MalformedRequestError(f"Content-Length {lengths}, Transfer-Encoding {codings}")

    @property
    def body(self) -> bytes:
        """The body so far, up to what the provider keeps of one."""
        return bytes(self._body)

    def header(self, name: str) -> str | None:
        """Return the value of a field, or None; fail where it came more than once."""
        values = self.values(name)
        if len(values) > 1:
            raise LookupError(f"{name} came {len(values)} times: {values}")
        return values[0] if values else None

    def values(self, name: str) -> list[str]:
        """Return every value of a field, in order."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self._body)

    def add(self, data: bytes, keep_bytes: int) -> None:
        """Count bytes of the body, and keep them while there is room."""
        self.size += len(data)
        self._body += data[: max(0, keep_bytes - len(self._body))]


def parse_fields(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    """Parse field lines strictly: no folding, no space before the colon, no control characters."""
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise MalformedRequestError(f"field line {line!r}")
        fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return tuple(fields)
