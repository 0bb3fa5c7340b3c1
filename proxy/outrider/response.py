"""A response: status, fields and an unread body, from a provider or made by Outrider."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Protocol

from .errors import BrokenBody
from .headers import Field, Headers

#: As much of an error's body is read before it is decided on, and inflated.
PEEK = 64 * 1024

_log = logging.getLogger("outrider")


class Content(Protocol):
    """The body of a response. Whoever drops a response closes it.

    One that can hand its pieces on as they arrive has `pour` too (`transport/upstream.py`), which the relay
    asks instead of `read`.
    """

    @property
    def length(self) -> int | None:
        """Its length in bytes where the head says so, None where it does not."""

    def take(self) -> bytes | None:
        """Give all of it if all of it is here, else None. Never waits."""

    async def read(self) -> bytes:
        """Give the next piece, b"" at the end; BrokenBody when it breaks off."""

    def close(self) -> None:
        """Let go of where it comes from; idempotent. A body not read to its end is cut off there."""


class Whole:
    """A body of bytes."""

    __slots__ = ("data", "length")

    def __init__(self, data: bytes = b"", *, length: int | None = None) -> None:
        self.data = data
        """What has not been taken yet."""
        self.length: int | None = len(data) if length is None else length

    def take(self) -> bytes | None:
        """Give it; the next piece is its end."""
        data, self.data = self.data, b""
        return data

    async def read(self) -> bytes:
        """Give it as one piece."""
        return self.take() or b""

    def close(self) -> None:
        """Nothing is held."""


class Generated:
    """A body of unknown length, made piece by piece."""

    __slots__ = ("_pieces", "length")

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self._pieces: AsyncGenerator[bytes, None] | None = pieces
        self.length: int | None = None

    def take(self) -> bytes | None:
        """It is never known to be whole."""
        return None

    async def read(self) -> bytes:
        """Run the generator up to its next piece."""
        if self._pieces is None:
            raise BrokenBody("the body was dropped")
        try:
            return await anext(self._pieces, b"")
        except BrokenBody:
            raise
        except Exception as error:
            raise BrokenBody(f"the body's source failed: {type(error).__name__}") from error

    def close(self) -> None:
        """Drop the generator: the event loop's hooks end it."""
        self._pieces = None


class _Begun:
    """A body of which the beginning was read already."""

    __slots__ = ("_begin", "_broken", "_rest", "length")

    def __init__(self, begin: bytes, rest: Content, broken: BrokenBody | None) -> None:
        self._begin = begin
        self._rest = rest
        self._broken = broken
        self.length = rest.length

    def take(self) -> bytes | None:
        """The rest is still to come."""
        return None

    async def read(self) -> bytes:
        """Give the beginning, then the rest."""
        begin, self._begin = self._begin, b""
        if begin:
            return begin
        if self._broken is not None:
            raise self._broken
        return await self._rest.read()

    def close(self) -> None:
        """Close the rest."""
        self._rest.close()


class Response:
    """What an attempt gave. The body is unread: pass the response on, or `close()` it."""

    __slots__ = ("_on_close", "body", "fields", "made_here", "meant", "status")

    def __init__(self, status: int, fields: list[Field], body: Content, *, made_here: bool = False) -> None:
        self.status = status
        self.meant = status
        """The status it means: 429 for a 200 that says "slow down", 503 for one that says "internal error"
        (`Provider.judged_calls`)."""
        self.fields = fields
        """Its fields as they are on the wire."""
        self.body = body
        self.made_here = made_here
        """Whether Outrider made it; a provider's response otherwise."""
        self._on_close: list[Callable[[], None]] | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status}{' made here' if self.made_here else ''}>"

    @property
    def headers(self) -> Headers:
        """Its fields, to be looked up by name and changed."""
        return Headers(self.fields)

    @property
    def text(self) -> str:
        """What `peek` has read of the body; "" before that, and where it is too long, or in br or zstd."""
        if not isinstance(self.body, Whole):
            return ""
        coding = (self.headers.get("Content-Encoding") or "identity").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            return _inflated(self.body.data).decode("utf-8", "replace")
        return self.body.data.decode("utf-8", "replace") if coding == "identity" else ""

    async def peek(self, cap: int = PEEK, *, within_s: float | None = None) -> None:
        """Read the body now, if it is no longer than `cap` bytes; the response is as it was otherwise.

        A body that breaks off is left to break where it is passed on, and one that is not here
        `within_s` seconds to come there.
        """
        if isinstance(self.body, Whole) or (self.body.length or 0) > cap:
            return
        pieces, size, whole = [], 0, False
        broken: BrokenBody | None = None
        try:
            async with asyncio.timeout(within_s):  # noqa: TID251 - of errors alone
                while size <= cap:
                    piece = await self.body.read()
                    if not piece:
                        whole = True
                        break
                    pieces.append(piece)
                    size += len(piece)
        except BrokenBody as error:
            broken = error
        except TimeoutError:
            pass
        if whole:
            length = self.body.length
            self.body.close()
            self.body = Whole(b"".join(pieces), length=length)
        else:
            self.body = _Begun(b"".join(pieces), self.body, broken)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when the body has ended or was dropped."""
        if self._on_close is None:
            self._on_close = []
        self._on_close.append(callback)

    def close(self) -> None:
        """Let go of the body, and tell each callback; idempotent.

        One that raises is named in the log, and the others are still told.
        """
        try:
            self.body.close()
        finally:
            if self._on_close is not None:
                callbacks, self._on_close = self._on_close, None
                for callback in callbacks:
                    try:
                        callback()
                    except Exception:  # noqa: BLE001 - a plugin's mistake must not keep what others hold
                        plugin = getattr(callback, "__module__", None)
                        _log.exception("plugin '%s': its on_close callback raised", plugin)


def respond(status: int, body: object = b"", headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Make a response of Outrider's own: bytes as they are, text as UTF-8, anything else as JSON.

    ValueError for a status that is no final one, and for what cannot stand in a field.
    """
    if not 200 <= status <= 599:
        raise ValueError(f"a response has a status from 200 to 599, not {status}")
    fields = Headers()
    for name, value in headers:
        fields.add(name, value)
    if isinstance(body, bytes):
        data, kind = body, "application/octet-stream"
    elif isinstance(body, str):
        data, kind = body.encode(), "text/plain; charset=utf-8"
    else:
        data, kind = json.dumps(body).encode(), "application/json"
    if data and "Content-Type" not in fields:
        fields.add("Content-Type", kind)
    return Response(status, fields.fields, Whole(data), made_here=True)


def _inflated(data: bytes) -> bytes:
    """Give as much as PEEK bytes of what was compressed; nothing where it is malformed."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, PEEK)
    except zlib.error:
        return b""
