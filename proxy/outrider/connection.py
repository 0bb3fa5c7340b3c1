"""The app's side of a connection: the one module that knows aiohttp's server protocol.

aiohttp parses and paces; this adds what it lacks (a deadline on the head, a cap on all of a head,
a count of connections) and replaces its request loop, which makes a task, a request, a writer and
a response object for each request. It leans on private names of aiohttp for that, and a test holds
aiohttp to them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import http_parser, web
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from . import departure
from .errors import BrokenBody, Malformed, OutriderError, StartError
from .farewell import LINGER_BYTES, LINGER_S, Farewell
from .heads import END_OF_HEAD, Head
from .refusals import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_LINE,
    has_request_line,
    is_too_large,
    line_too_long,
    not_http,
    refusal_of,
    too_large,
    unknown_method,
)

if TYPE_CHECKING:
    from .listener import Listener
    from .transport import Tunnel

#: Seconds for a request's head, and between two requests (SECURITY rule T14).
HEAD_S = 10.0
KEEP_ALIVE_S = 75.0
READ_BUFFER = 64 * 1024
_RESET = struct.pack("ii", 1, 0)


def require_c_parser() -> None:
    """Raise StartError unless aiohttp's C parser is loaded: the other lets through what it refuses."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise StartError(
            "aiohttp runs without its C parser, which is not safe; "
            "install a wheel of aiohttp that has it, and unset AIOHTTP_NO_EXTENSIONS"
        )


#: A body is bytes where all of it came along with a head that is known.
Handle: TypeAlias = (
    "Callable[[Connection, Head | RawRequestMessage | Malformed, StreamReader | bytes], Awaitable[bool]]"
)


class Connection(web.RequestHandler):
    """One connection of an app. `handle` answers each request and says whether there may be another."""

    __slots__ = (
        "_between",
        "_body_left",
        "_expected",
        "_head_bytes",
        "_head_timer",
        "_line_done",
        "_shared_bytes",
        "busy",
        "draining",
        "ended",
        "handle",
        "listener",
    )

    def __init__(self, server: Listener, handle: Handle, **options: Any) -> None:
        # aiohttp says by which limit something was too long, not what it was: so no two limits are equal.
        super().__init__(server, **{**options, "max_line_size": MAX_LINE - 1, "max_field_size": MAX_LINE})
        self.listener = server
        self.handle = handle
        self.busy = False
        self.draining = False
        self.ended = False
        """Whether the app has ended its sending."""
        # Whether the parser is known to stand before a request, with nothing of it read.
        self._between = True
        self._body_left = 0
        self._expected: StreamReader = EMPTY_PAYLOAD
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._line_done = False
        # The size of the piece that ended what was before this head: its beginning may be in there as well.
        self._shared_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or say why not."""
        super().connection_made(transport)
        refusal = self.listener.opened(self)
        if refusal is not None:
            self._messages.append((refusal, EMPTY_PAYLOAD))  # type: ignore[arg-type]

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel what runs for an app that went away."""
        self.listener.closed(self)
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and watch over the head: when it is whole, how large it is, how long it takes."""
        if self._between and not self.busy and not self._messages:
            known = self.listener.heads.find(data)
            if known is not None:
                self._messages.append(known)  # type: ignore[arg-type]
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(None)
                return
        between, self._between = self._between, False
        before, size = self._request_count, len(data)
        in_body = not self._expected.is_eof()
        super().data_received(data)
        if self._request_count != before:
            body, (message, self._expected) = self._expected, self._messages[-1]
            if type(message) is not RawRequestMessage:
                if not in_body and not self._head_bytes and END_OF_HEAD in data:
                    data = self._reparse(data)
                if not body.is_eof():
                    body.set_exception(web.RequestPayloadError("the body is not well-formed"))
                    body.feed_eof()  # a reader that was just woken would wait on otherwise
                self._messages[-1] = (self._malformed(message, data), EMPTY_PAYLOAD)  # type: ignore[assignment]
            elif message.method == "OPTIONS" and b" RTSP/1." in data:
                # llhttp speaks RTSP as well, and aiohttp does not tell which it was.
                self._messages[-1] = (not_http(), EMPTY_PAYLOAD)  # type: ignore[assignment]
            elif self._shared_bytes + self._head_bytes + size > MAX_HEAD:
                self._refuse_large(self._request_count - before)
            if self._head_bytes:
                self._relax()
            self._shared_bytes = size or self._shared_bytes
            if self._expected is EMPTY_PAYLOAD and not data.endswith(END_OF_HEAD):
                self._begin_head(data)
            self._remember(data, alone=between and self._request_count == before + 1)
        elif in_body:
            self._shared_bytes = size or self._shared_bytes
            self._body_left -= size
            self._between = self._ends_with(data)
        elif size:
            self._head_bytes += size
            self._line_done = self._line_done or b"\n" in data
            if self._head_bytes > MAX_HEAD:
                self._refuse(too_large() if self._line_done else line_too_long())
            elif self._head_timer is None:
                self._head_timer = self._loop.call_later(HEAD_S, self._head_late)
        else:
            self._between = between

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what is whole to an app that ended its sending, for as long as the app is there."""
        transport = self.transport
        if transport is None or transport.get_extra_info("sslcontext") is not None:
            return False
        if not self._expected.is_eof() or not (self.busy or self._messages):
            return False
        if not self.ended:
            self.ended = True
            self._relax()
            self._ask_whether_it_left()
        return True

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on. aiohttp asks for it after every piece, and would parse nothing each time."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def start(self) -> None:
        """Answer the requests of this connection, one after the other."""
        messages = self._messages
        try:
            while not self._force_close:
                if not messages:
                    if self.ended:
                        break
                    self._waiter = self._loop.create_future()
                    try:
                        await self._waiter
                    finally:
                        self._waiter = None
                message, payload = messages.popleft()
                if self._parser is not None:
                    self._parser.message_consumed()
                if self._buffer_paused and len(messages) <= self._msg_queue_resume_size:
                    self._resume_reading_if_drained()
                self.busy = True
                keep = await self.handle(self, message, payload)  # type: ignore[arg-type]
                self.busy = False
                if not keep or self.draining:
                    if isinstance(message, OutriderError):
                        self._part()
                    break
                if not isinstance(payload, bytes) and (
                    not payload.is_eof() or payload.exception() is not None
                ):
                    break
                self._next_keepalive_close_time = self._loop.time() + KEEP_ALIVE_S
                if self._keepalive_handle is None:
                    self._keepalive_handle = self._loop.call_at(
                        self._next_keepalive_close_time, self._process_keepalive
                    )
        except (ConnectionError, BrokenBody):
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            if not self.draining:
                raise
        finally:
            self.busy = False
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    def write(self, data: bytes) -> None:
        """Send bytes to the app; ConnectionResetError when it has left."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the app has left")
        transport.write(data)

    async def drained(self, idle_s: float) -> None:
        """Wait until the app has taken what was written; one that takes nothing for `idle_s` is cut off."""
        timer = self._loop.call_later(idle_s, self.abort)
        try:
            await self._drain_helper()
        finally:
            timer.cancel()

    async def join(self, tunnel: Tunnel, head: bytes) -> None:
        """Send `head` and hand the connection over to a tunnel; it has ended when this returns."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the app has left")
        transport.write(head)
        sent, self._message_tail = self._message_tail, b""
        try:
            await tunnel.run(transport, sent)
        finally:
            # Told when this task is done with it: earlier it would be cancelled for an app that left.
            self._loop.call_soon(self.connection_lost, None)

    def abort(self) -> None:
        """End the connection broken, so that nothing on it looks complete."""
        if self.transport is not None:
            peer = self.transport.get_extra_info("socket")
            if peer is not None and peer.family != socket.AF_UNIX:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

    def drain(self) -> None:
        """Close as soon as the request under way is answered; at once where there is none."""
        self.draining = True
        if not self.busy and not self._messages and self.transport is not None:
            self.transport.close()

    async def linger(self, payload: StreamReader) -> None:
        """Read on for a moment after an early answer: closing at once could lose it on the way."""
        timer = self._loop.call_later(LINGER_S, payload.set_exception, TimeoutError())
        seen = 0
        await asyncio.sleep(0)  # whoever was cancelled while reading it leaves first
        try:
            while not payload.is_eof() and seen < LINGER_BYTES:
                seen += len(await payload.readany())
        except (TimeoutError, web.RequestPayloadError, ConnectionError, OutriderError):
            pass
        finally:
            timer.cancel()

    def _part(self) -> None:
        """Close after an answer to what never became a request: the app may not be done with sending it."""
        transport = self.transport
        if transport is None or self.ended or transport.is_closing() or not transport.can_write_eof():
            return
        self.transport = None
        Farewell(transport, self.connection_lost)

    def _ask_whether_it_left(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            peer = self.transport.get_extra_info("socket")
            departure.ask(peer.fileno(), peer.family)
            self._loop.call_later(departure.ANSWER_S, self._leave)

    def _leave(self) -> None:
        """Cancel what runs for an app that has left; else ask again in a while."""
        if self.transport is not None and not self.transport.is_closing():
            if departure.has_left(self.transport.get_extra_info("socket").fileno()):
                self.abort()
            else:
                self._loop.call_later(departure.ASK_EVERY_S, self._ask_whether_it_left)

    def _reparse(self, data: bytes) -> bytes:
        """Put the good requests before a malformed one that came with them, and give that one.

        aiohttp forgets them. One whose body broke off in the same piece is malformed as well.
        """
        error = self._messages.pop()
        before = len(self._messages)
        self._parser = HttpRequestParser(
            self,
            self._loop,
            READ_BUFFER,
            max_line_size=MAX_LINE - 1,
            max_field_size=MAX_LINE,
            max_headers=MAX_FIELDS,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )
        *heads, rest = data.split(END_OF_HEAD)
        for piece in (*(head + END_OF_HEAD for head in heads), rest):
            super().data_received(piece)
            if len(self._messages) > before and type(self._messages[-1][0]) is not RawRequestMessage:
                self._messages.pop()
                break
        # RTSP: see data_received.
        while len(self._messages) > before and (not self._messages[-1][1].is_eof() or b" RTSP/1." in data):
            self._messages.pop()
        self._refuse_large(len(self._messages) - before)
        self._messages.append(error)
        return piece

    def _remember(self, data: bytes, *, alone: bool) -> None:
        """Remember the newest request's head if it is `alone` in this piece, and whether it ends with it."""
        message, payload = self._messages[-1]
        if type(message) is not RawRequestMessage:
            return
        self._body_left = -1
        if alone:
            head = self.listener.heads.remember(data, message)
            self._messages[-1] = (head, payload)  # type: ignore[assignment]
            if not message.chunked:
                self._body_left = (head.length or 0) - (len(data) - data.find(END_OF_HEAD) - len(END_OF_HEAD))
        self._between = not self._upgraded and not self._buffer_paused and self._ends_with(data)

    def _ends_with(self, data: bytes) -> bool:
        """Whether the newest request is known to end where a piece ends: the parser holds nothing back."""
        return self._expected.is_eof() and (self._body_left == 0 or data.endswith(END_OF_HEAD))

    def _begin_head(self, data: bytes) -> None:
        """Time the head that begins in the piece in which a request without a body ends."""
        end = data.rfind(END_OF_HEAD)
        rest = data[end + len(END_OF_HEAD) :].lstrip(b"\r\n")
        if end >= 0 and rest and type(self._messages[-1][0]) is RawRequestMessage:
            self._head_bytes = len(rest)
            self._head_timer = self._loop.call_later(HEAD_S, self._head_late)

    def _refuse_large(self, count: int) -> None:
        """Refuse those of the `count` newest requests whose heads are too large in all."""
        for index in range(-count, 0):
            if is_too_large(self._messages[index][0]):  # type: ignore[arg-type]
                self._messages[index] = (too_large(), EMPTY_PAYLOAD)  # type: ignore[assignment]

    def _relax(self) -> None:
        self._head_bytes = 0
        self._line_done = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        self._refuse(Malformed(f"the request's head was not here within {HEAD_S:g} s", status=408))

    def _refuse(self, error: Malformed) -> None:
        """Answer what never became a request, in its turn, and read no further."""
        self._relax()
        self._messages.append((error, EMPTY_PAYLOAD))  # type: ignore[arg-type]
        if self.transport is not None:
            self.transport.pause_reading()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _malformed(self, error: Any, data: bytes) -> Malformed:
        """Say what the parser found, by the status that fits (RFC 9110 section 15.5)."""
        cause = error.exc
        if isinstance(cause, BadHttpMethod) and self._head_bytes == 0 and has_request_line(data):
            return unknown_method()
        return refusal_of(cause)
