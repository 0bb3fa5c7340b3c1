"""The app's side of a connection; with `reading.py`, all that knows aiohttp's server protocol.

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
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from . import departure
from .errors import BrokenBody, Malformed, OutriderError, StartError
from .farewell import LINGER_BODY_BYTES, LINGER_S, Farewell
from .heads import Head
from .reading import Reading

if TYPE_CHECKING:
    from .listener import Listener
    from .transport import Tunnel

#: Seconds between two requests.
KEEP_ALIVE_S = 75.0
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


class Connection(Reading):
    """One connection of an app. `handle` answers each request and says whether there may be another."""

    __slots__ = ("draining", "ended", "handle")

    def __init__(self, server: Listener, handle: Handle, **options: Any) -> None:
        super().__init__(server, **options)
        self.handle = handle
        self.draining = False
        self.ended = False
        """Whether the app has ended its sending."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or say why not."""
        super().connection_made(transport)
        refusal = self.listener.opened(self)
        if refusal is not None:
            self._messages.append((refusal, EMPTY_PAYLOAD))  # type: ignore[arg-type]
            if self._waiter is not None:  # from Python 3.12 on aiohttp has begun with `start` by now
                self._waiter.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel what runs for an app that went away."""
        self.listener.closed(self)
        self._relax()
        super().connection_lost(exc)

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
            while not payload.is_eof() and seen < LINGER_BODY_BYTES:
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
