"""The body of a request: streamed once, or kept for another attempt where a layer needs that.

A body that is here in whole when the exchange begins (nearly all are) is plain bytes. A longer one
streams; what streams is kept only if a compiled layer may send twice, up to a cap for one request
and one for all. Past a cap the attempt under way goes on and is the only one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

#: Caps of what is kept for another attempt, in bytes.
KEEP_ONE = 256 * 1024
KEEP_ALL = 64 * 1024 * 1024

_kept_in_all = 0


class Body:
    """A request's body. `length` is its Content-Length in bytes, None where it is chunked or absent."""

    __slots__ = (
        "_keeps",
        "_kept",
        "_kept_bytes",
        "_reader",
        "_source",
        "_started",
        "_whole",
        "data",
        "length",
    )

    def __init__(
        self,
        data: bytes | None = b"",
        *,
        length: int | None = None,
        source: Callable[[], Awaitable[bytes]] | None = None,
    ) -> None:
        self.data = data
        """All of it, or None where it streams."""
        self.length = length
        self._source = source
        self._keeps = False
        self._started = False
        self._whole = False
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._reader: asyncio.Task[Any] | None = None

    def __repr__(self) -> str:
        shape = "streams" if self.data is None else f"{len(self.data)} bytes"
        return f"<Body {shape}{'' if self.replayable else ', gone'}>"

    @property
    def replayable(self) -> bool:
        """Whether an attempt that begins now would send the whole body."""
        return self.data is not None or self._keeps or not self._started

    @property
    def here(self) -> bytes | None:
        """All of it where it is at hand by now: it came in whole, or has streamed to its end and was kept."""
        if self.data is not None:
            return self.data
        return b"".join(self._kept) if self._whole and self._keeps else None

    def keep(self) -> None:
        """Keep what streams from now on, up to the caps, so that it can be sent again."""
        self._keeps = not self._started

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the body from its start. Only while it is `replayable`."""
        if self.data is not None:
            yield self.data
            return
        self._started = True
        self._reader = reader = asyncio.current_task()
        try:
            for piece in self._kept:
                yield piece
            source = self._source
            assert source is not None
            while not self._whole:
                piece = await source()
                if piece:
                    self._remember(piece)
                    yield piece
                else:
                    self._whole = True
        finally:
            if self._reader is reader:
                self._reader = None

    async def take_back(self) -> None:
        """Have it for another attempt: one whose provider has answered early may be reading it still."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.sleep(0)  # it leaves first

    def recode(self, decode: Callable[[bytes], bytes], *, length: int) -> None:
        """Pass every piece through `decode`, which sees to it that `length` bytes come of it in all.

        It gets b"" at the end, when nothing more can come of it. Only before the first attempt has begun.
        """
        assert not self._started, "what was sent already cannot be another"
        if self.data is not None:
            self.data = decode(self.data) + decode(b"")
            self.length = length
            return
        self.length = length
        source = self._source
        assert source is not None

        async def decoded() -> bytes:
            while piece := await source():
                if data := decode(piece):
                    return data
            return decode(b"")

        self._source = decoded

    async def gather(self) -> bytes | None:
        """Read all of it now; None where it is longer than what is kept, and then it is gone.

        For who must know the body before its first byte is sent: afterwards it is one that was here in whole.
        """
        if self.data is None:
            self._keeps = self.replayable
            async with aclosing(self.pieces()) as pieces:
                async for _ in pieces:
                    if not self._keeps:
                        return None
            self.data, self._kept = b"".join(self._kept), []
            self.length = len(self.data)
        return self.data

    def close(self) -> None:
        """Give back what was kept."""
        self._keeps = False
        self._forget()

    def _remember(self, piece: bytes) -> None:
        global _kept_in_all
        if not self._keeps:
            return
        size = len(piece)
        if self._kept_bytes + size > KEEP_ONE or _kept_in_all + size > KEEP_ALL:
            self.close()
            return
        self._kept.append(piece)
        self._kept_bytes += size
        _kept_in_all += size

    def _forget(self) -> None:
        global _kept_in_all
        _kept_in_all -= self._kept_bytes
        self._kept_bytes = 0
        self._kept = []


class _NoBody(Body):
    """Every request without a body has this one, so it stays as it is."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("data", "length") and getattr(self, name, value) != value:
            raise AttributeError(
                "a request without a body shares it with others; give the exchange a new Body"
            )
        super().__setattr__(name, value)


NO_BODY: Body = _NoBody()
"""The body of every request without one."""
