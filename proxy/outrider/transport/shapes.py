"""Shapes: what follows from the names of a response's fields, remembered for one target.

A provider answers with the same names in the same order again and again. The first time the parser reads
them, and every check is made. After that an answer which comes in one piece and is plain in all else is
read here, by its known names, for a third of the price. Whatever is not plain to the last byte is left to
the parser: nothing means something else here than it does there.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from itertools import compress, repeat
from typing import TYPE_CHECKING, TypeAlias

from outrider.headers import HOP_BY_HOP, Filter
from outrider.response import PEEK, Response, Whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider.headers import Field

Names: TypeAlias = "tuple[bytes, ...]"

#: Values of Connection that say no more than the parser has understood already.
PLAIN_CONNECTION = frozenset((b"keep-alive", b"Keep-Alive", b"close"))
_KEPT_ALIVE = PLAIN_CONNECTION - {b"close"}
_END_OF_HEAD = b"\r\n\r\n"
_COLONS = repeat(b": ")
#: The usual status lines of responses with a body.
_STATUS_LINES = {
    f"HTTP/1.1 {status.value} {status.phrase}".encode(): status.value
    for status in HTTPStatus
    if 200 <= status <= 599 and status not in (204, 304)
}
#: Printable ASCII stays what it is under `translate`; all else becomes a blank.
_PRINTABLE = bytes(byte if 0x20 <= byte < 0x7F else 0x20 for byte in range(256))
#: Shapes that are remembered for one target.
_MOST = 256
#: Fields that may come once.
_SINGLE = (b"content-length", b"connection", b"date")


@dataclass(frozen=True, slots=True)
class Shape:
    """What follows from the names: which fields pass, and where two of them stand, -1 where they do not."""

    names: Names
    passing: tuple[bool, ...]
    length: int
    connection: int


class Shapes:
    """The shapes of one target's responses, without those of which a value in `by_value` decides."""

    __slots__ = ("_by_value", "_known", "filter")

    def __init__(self, by_value: frozenset[bytes]) -> None:
        self.filter = Filter(HOP_BY_HOP)
        """Which fields of a response are passed on."""
        self._by_value = by_value
        self._known: dict[Names, Shape] = {}

    def find(self, raw: Sequence[Field]) -> Shape | None:
        """Give the shape of a response that the parser has read, None the first time."""
        return self._known.get(tuple([name for name, _ in raw]))

    def remember(self, raw: Sequence[Field]) -> None:
        """Remember the names of a response that was examined, where nothing but plain values follows."""
        names = [name.lower() for name, _ in raw]
        if (
            len(self._known) >= _MOST
            or self._by_value.intersection(names)
            or b"date" not in names
            or any(names.count(name) > 1 for name in _SINGLE)
        ):
            return
        shape = Shape(
            names=tuple(name for name, _ in raw),
            passing=tuple(self.filter.passes(name) for name, _ in raw),
            length=names.index(b"content-length") if b"content-length" in names else -1,
            connection=names.index(b"connection") if b"connection" in names else -1,
        )
        self._known[shape.names] = shape

    def read(self, data: bytes) -> Response | None:
        """Read a response that is all here, by its names; None where anything is out of the ordinary."""
        end = data.find(_END_OF_HEAD)
        if end < 0 or len(data) > PEEK:
            return None
        line, *lines = data[:end].split(b"\r\n")
        status = _STATUS_LINES.get(line)
        if status is None or not lines:
            return None
        names, colons, values = zip(*map(bytes.partition, lines, _COLONS), strict=True)
        shape = self._known.get(names)
        if shape is None or shape.length < 0:
            return None
        text, values = b"".join(values), tuple(map(bytes.strip, values))
        body = data[end + len(_END_OF_HEAD) :]
        if (
            b"" in colons
            or text.translate(_PRINTABLE) != text
            or values[shape.length] != b"%d" % len(body)
            or (shape.connection >= 0 and values[shape.connection] not in _KEPT_ALIVE)
        ):
            return None
        fields = zip(shape.names, values, strict=True)
        return Response(status, [*compress(fields, shape.passing)], Whole(body))
