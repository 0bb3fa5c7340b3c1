"""One connection to a provider: writes requests, parses what comes, and knows when it must be silent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http import HttpResponseParser

from outrider.errors import OutriderError, Rubbish, TooSlow, Unreachable

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from outrider.response import Response

    from .deadlines import Deadlines

#: What comes of a request: the head of a response, and its body; or all of it.
Came: TypeAlias = "tuple[RawResponseMessage, StreamReader] | Response"
Read: TypeAlias = "Callable[[bytes], Response | None]"

READ_BUFFER = 64 * 1024
MAX_FIELD = 32 * 1024
MAX_FIELDS = 256
_OTHER_PROTOCOLS = (b"RTSP/", b"ICE/")


class Protocol(BaseProtocol):
    """What aiohttp's connector connects. It carries one request at a time.

    aiohttp's own protocol makes a parser, a queue and a timer for each request; this keeps them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        super().__init__(loop)
        self._deadlines = deadlines
        self.idle = True
        """Nothing is awaited: bytes that arrive now belong to nobody."""
        self.uploaded = True
        """Whether all of the request was written."""
        self.should_close = False
        """Whether this connection has carried its last response."""
        self.lease: Connection | None = None
        """The connector's handle on this connection."""
        self.idle_since = 0.0
        self.surplus = b""
        """What came after a 101: it belongs to the other protocol."""
        self._head_only = False
        self._chunked = False
        self._payload: StreamReader | None = None
        self._head: asyncio.Future[Came] | None = None
        self._read: Read | None = None
        self._idle_s = 0.0
        self._into: Callable[[bytes], bool] | None = None
        self._full: asyncio.Future[None] | None = None

    @property
    def clean(self) -> bool:
        """Whether it can carry another request: connected, and nothing has arrived unasked."""
        return not self.should_close and self.transport is not None and not self.transport.is_closing()

    def is_connected(self) -> bool:
        """What the connector asks."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def closed(self) -> asyncio.Future[None] | None:
        """What the connector waits for when it closes: nothing."""
        return None

    def close(self) -> None:
        """Close when what was written has left."""
        self.should_close = True
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close now."""
        self.should_close = True
        self._deadlines.clear(self)
        if self.transport is not None:
            self.transport.abort()

    def begin(self, *, head_only: bool, read: Read | None = None) -> asyncio.Future[Came]:
        """Take the connection for one request; the future gives the head of its response.

        The first piece of the response is shown to `read`. What it makes of it is all of the response; what
        it gives None for is parsed.
        """
        self.idle = False
        self.uploaded = True
        self._read = None if head_only else read
        if self._parser is None or head_only is not self._head_only:
            self._head_only = head_only
            self._parser = HttpResponseParser(
                self,
                self._loop,
                READ_BUFFER,
                payload_exception=ClientPayloadError,
                response_with_body=not head_only,
                read_until_eof=True,
                auto_decompress=False,
                max_line_size=MAX_FIELD,
                max_field_size=MAX_FIELD,
                max_headers=MAX_FIELDS,
            )
        self._head = self._loop.create_future()
        return self._head

    def end(self) -> None:
        """Give the connection back after a whole response; one on which more has begun is not used again."""
        self.idle = True
        if self._payload is not None and self._has_begun_another():
            self.should_close = True
        self._payload = None
        if self._chunked:
            # aiohttp keeps the last trailer, and would give it to the next answer as its first field; and
            # a pause that its last chunk asked for would be made within the next body.
            self._chunked = False
            self._parser = None

    def _has_begun_another(self) -> bool:
        """Whether the parser holds a piece of a head that nobody asked for: the next answer would begin so.

        Asked at the end of a body: there the parser gives what it holds, and does nothing else.
        """
        try:
            return self._parser is not None and self._parser.feed_eof() is not None
        except Exception:  # noqa: BLE001 - the parser has a dozen classes for rubbish
            return True

    def write(self, data: bytes) -> None:
        """Write, unless the connection has ended: what waits for the response is told of that."""
        if self.transport is not None:
            self.transport.write(data)

    async def drained(self) -> None:
        """Wait until what was written has left."""
        await self._drain_helper()

    def expire_in(self, seconds: float) -> None:
        """Fail the wait for the head after `seconds`; nothing once it is there."""
        if self._head is not None and not self._head.done():
            self._deadlines.set(self, seconds)

    def await_piece(self, idle_s: float) -> None:
        """Fail the wait for a piece of the body after `idle_s`."""
        self._idle_s = idle_s
        self._deadlines.set(self, idle_s)

    def got_piece(self) -> None:
        """Wait no longer: the app's own pace is no fault of the provider."""
        self._deadlines.clear(self)

    def pour(self, into: Callable[[bytes], bool], full: asyncio.Future[None], idle_s: float) -> None:
        """Hand each piece of the body to `into` once it is here; set `full` when that wants no more.

        TooSlow in the body where nothing comes for `idle_s`.
        """
        self._into, self._full = into, full
        self.await_piece(idle_s)

    def stop_pouring(self) -> bool:
        """Hand over nothing more; tell whether more is wanted."""
        wanted = self._into is not None
        self._into = self._full = None
        self.got_piece()
        return wanted

    def _hand_over(self, into: Callable[[bytes], bool], payload: StreamReader) -> None:
        self._into = None  # taking a piece may parse on, and come back to here
        while payload._buffer:
            several = len(payload._buffer) > 1
            if not into(payload._read_nowait(-1) if several else payload._read_nowait_chunk(-1)):
                if self._full is not None and not self._full.done():
                    self._full.set_result(None)
                return
        self._into = into
        self._deadlines.set(self, self._idle_s)

    def late(self) -> None:
        """Fail what is waited for: its time is over."""
        if self._head is None or self._head.done():
            idle = f"the provider sent nothing for {self._idle_s:g} s"
            self.fail(TooSlow(idle, error_type="connection_read_timeout"))
        elif self.uploaded:
            self.fail(TooSlow("the provider did not answer in time"))
        else:
            self.fail(TooSlow("the request was not sent in time", error_type="connection_write_timeout"))

    def fail(self, error: OutriderError) -> None:
        """End whatever waits on this connection."""
        self.should_close = True
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        elif self._payload is not None:
            self._break(error)

    def _break(self, error: Exception) -> None:
        """End the body with an error; a reader that was just woken would wait on if it were no end."""
        payload = self._payload
        assert payload is not None
        payload.set_exception(error)
        if not payload.is_eof():
            payload.feed_eof()

    def data_received(self, data: bytes) -> None:
        """Parse; bytes that nobody asked for end the connection, so that they reach nobody."""
        if self.idle or self._parser is None:
            if data:
                self.abort()
            return
        read, self._read = self._read, None
        if read is not None and self.uploaded:
            response = read(data)
            if response is not None and self._head is not None and not self._head.done():
                self.idle = True  # all of it is here: more would belong to nobody
                self._deadlines.clear(self)
                self._head.set_result(response)
                return
        try:
            if data.startswith(_OTHER_PROTOCOLS):
                raise ValueError("llhttp speaks these too, and does not tell which it was")
            messages, _, surplus = self._parser.feed_data(data)
        except Exception:  # noqa: BLE001 - the parser has a dozen classes for rubbish
            self.fail(Rubbish("the provider's answer is not HTTP"))
            self.abort()
            return
        if surplus:
            self.should_close = True
        for message, payload in messages:
            if message.should_close:
                self.should_close = True
            if 100 <= message.code <= 199:
                if message.code != 101:
                    continue
                self._switch(surplus)
            head = self._head
            if head is None or head.done():
                self.should_close = True  # a second response to one request
                continue
            self._payload = payload
            self._chunked = message.chunked
            self._deadlines.clear(self)
            head.set_result((message, payload))
        if self._into is not None and self._payload is not None and self._payload._buffer:
            self._hand_over(self._into, self._payload)

    def _switch(self, surplus: bytes) -> None:
        """Read no more of this protocol, until it is known what follows."""
        self.should_close = True
        self.surplus = surplus
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on. aiohttp asks for it after every piece, and would parse nothing each time."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def eof_received(self) -> None:
        """Let the transport close; `connection_lost` tells what that means."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell what waits: a body may end here, if nothing says how long it is, and nobody cut it off."""
        self.should_close = True
        self._deadlines.clear(self)
        parser, self._parser = self._parser, None
        if parser is not None and not self.idle:
            try:
                if exc is not None:
                    raise exc
                if not self._was_ended():
                    raise ConnectionResetError("TLS was cut off")
                parser.feed_eof()
            except Exception as error:  # noqa: BLE001 - the same dozen
                if self._payload is not None and not self._payload.is_eof():
                    broken = ClientPayloadError("the body broke off")
                    broken.__cause__ = error
                    self._break(broken)
        if self._head is not None and not self._head.done():
            self._head.set_exception(
                Unreachable(
                    "the provider closed the connection before it answered",
                    error_type="connection_terminated",
                )
            )
        super().connection_lost(exc)

    def _was_ended(self) -> bool:
        """Whether the other side has ended the connection: over TLS it says so, and anybody can cut TCP.

        A body of unknown length is whole only then (RFC 9112 section 9.8).
        """
        tls = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
        if tls is None:
            return True
        try:
            return not tls.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:
            return False
