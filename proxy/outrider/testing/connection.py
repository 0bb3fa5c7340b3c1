"""One connection of a fake provider: reads requests strictly, plays scripts to the letter."""

import asyncio
import re
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from outrider.testing.request import MalformedRequestError, ReceivedRequest, parse_fields
from outrider.testing.script import Action, Gate, Script, Step, reply

if TYPE_CHECKING:
    from outrider.testing.provider import FakeProvider

#: The name of the tasks that serve a connection, each in its turn.
SERVING: Final = "serving"
_MAX_HEAD_BYTES: Final = 1 << 20
_READ_AHEAD_BYTES: Final = 1 << 16
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\r\n]*)?")
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Reads only as fast as it is asked to, so that a script that waits also holds back the peer."""

    def __init__(self, provider: "FakeProvider", *, tls: bool) -> None:
        self._provider = provider
        self._tls = tls
        self._number = 0
        self._buffer = bytearray()
        self._ended = False
        self._changed = asyncio.Event()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self._transport: asyncio.Transport
        self.task: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # With no write buffer a flush means: the kernel has it all. TLS pauses at the mark, TCP above it.
        transport.set_write_buffer_limits(high=1 if self._tls else 0, low=0)
        self._number = self._provider.opened(self)
        self.task = asyncio.get_running_loop().create_task(self._serve(), name=SERVING)

    def data_received(self, data: bytes) -> None:
        """Take bytes; stop reading while more are here than anybody asked for."""
        self._buffer += data
        if len(self._buffer) > _READ_AHEAD_BYTES:
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> bool:
        """Note that the peer has ended; the answer can still be sent."""
        self._end()
        return not self._tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self._end()
        self._flushed.set()
        self._provider.lost(self)

    def pause_writing(self) -> None:
        """Make the next flush wait."""
        self._flushed.clear()

    def resume_writing(self) -> None:
        """Let a flush return."""
        self._flushed.set()

    def abort(self) -> None:
        """Drop the connection and whoever serves it."""
        self.task.cancel()
        self._transport.abort()

    def _end(self) -> None:
        self._ended = True
        self._changed.set()
        self._provider.ended(self._number)

    async def _serve(self) -> None:
        try:
            while (request := await self._next_request()) is not None:
                if self._provider.asks_handler:
                    await self._read_body(request)
                if not await self._play(self._provider.script_for(request), request):
                    return
                if request.version == "1.0" or "close" in request.values("Connection"):
                    return
        except MalformedRequestError as problem:
            self._provider.blame(f"connection {self._number}: {problem}")
            for action in reply(400, f"malformed: {problem}").actions:
                await self._do(action, None)
        except ConnectionError:
            pass
        finally:
            self._transport.close()

    async def _next_request(self) -> ReceivedRequest | None:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise MalformedRequestError(f"a head of more than {_MAX_HEAD_BYTES} bytes")
            if not await self._more():
                if self._buffer:
                    raise MalformedRequestError(f"the end came within a head: {bytes(self._buffer)!r}")
                return None
        request = ReceivedRequest(self._take(end + 4), self._number)
        self._provider.received(request)
        return request

    async def _play(self, script: Script, request: ReceivedRequest) -> bool:
        """Play a script to its end; False when it ended the connection."""
        open_after = True
        if script.reads_body:
            await self._read_body(request)
        for count, action in enumerate(script.actions):
            if count and script.head_only_to_head and request.method == "HEAD":
                break
            open_after = await self._do(action, request)
            if not open_after:
                break
        request.answered = True
        self._provider.notify()
        if open_after:
            await self._read_body(request)
        return open_after

    async def _do(self, action: Action, request: ReceivedRequest | None) -> bool:
        match action:
            case bytes():
                await self._send(action)
            case Gate():
                await action.passed()
            case Step.WAIT:
                await self._provider.released()
            case Step.READ if request is not None:
                await self._read_body(request)
            case Step.HALF_CLOSE:
                self._transport.write_eof()
            case Step.CLOSE:
                self._transport.close()
                return False
            case Step.RESET:
                peer: socket.socket = self._transport.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self._transport.abort()
                return False
        return True

    async def _send(self, data: bytes) -> None:
        self._transport.write(data)
        await self._flushed.wait()
        if self._transport.is_closing():
            raise ConnectionResetError("the peer has gone")

    async def _read_body(self, request: ReceivedRequest) -> None:
        if request.complete:
            return
        if "100-continue" in request.values("Expect"):
            await self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        with suppress(ConnectionAbortedError):
            if request.chunked:
                await self._read_chunks(request)
            else:
                await self._read_exactly(request.length, request)
            request.complete = True
        self._provider.notify()

    async def _read_exactly(self, count: int, request: ReceivedRequest) -> None:
        while count:
            if not self._buffer:
                await self._need_more()
            data = self._take(min(count, len(self._buffer)))
            count -= len(data)
            request.add(data, self._provider.keep_bytes)
            self._provider.notify()

    async def _read_chunks(self, request: ReceivedRequest) -> None:
        size = -1
        while size:
            parts = _CHUNK_SIZE.fullmatch(line := await self._read_line())
            if parts is None:
                raise MalformedRequestError(f"chunk size {line!r}")
            size = int(parts[1], 16)
            await self._read_exactly(size, request)
            if size and (line := await self._read_line()):
                raise MalformedRequestError(f"{line!r} after a chunk")
        trailers = []
        while line := await self._read_line():
            trailers.append(line)
        request.trailers = parse_fields(trailers)

    async def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            await self._need_more()
        return self._take(end + 2)[:-2]

    async def _need_more(self) -> None:
        if not await self._more():
            # Never complete, and not malformed: a caller may go away at any time.
            raise ConnectionAbortedError

    async def _more(self) -> bool:
        if self._ended:
            return False
        before = len(self._buffer)
        self._transport.resume_reading()
        while len(self._buffer) == before and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        return len(self._buffer) > before

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
