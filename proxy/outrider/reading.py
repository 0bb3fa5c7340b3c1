"""What an app's connection reads: heads within their limits of time and size, and what ends a body.

aiohttp parses; this watches over it. A head that came before is not parsed again (`heads.py`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from .errors import Malformed
from .heads import END_OF_HEAD
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

#: Seconds for a request's head.
HEAD_S = 10.0
READ_BUFFER = 64 * 1024


class Reading(web.RequestHandler):
    """The reading half of a connection: it puts requests, and what was none, into aiohttp's queue."""

    __slots__ = (
        "_between",
        "_body_left",
        "_chunked",
        "_expected",
        "_head_bytes",
        "_head_timer",
        "_held",
        "_last",
        "_line_done",
        "_shared_bytes",
        "busy",
        "listener",
    )

    def __init__(self, server: Listener, **options: Any) -> None:
        # aiohttp says by which limit something was too long, not what it was: so no two limits are equal.
        super().__init__(server, **{**options, "max_line_size": MAX_LINE - 1, "max_field_size": MAX_LINE})
        self.listener = server
        self.busy = False
        """Whether a request is being answered."""
        # Whether the parser is known to stand before a request, with nothing of it read.
        self._between = True
        self._body_left = 0
        # Whether the newest request is chunked, and its parser may still hold a trailer.
        self._chunked = False
        self._expected: StreamReader = EMPTY_PAYLOAD
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        # What waits for the parser, and the end of what it was given last: see _read_in_steps.
        self._held = b""
        self._last = b""
        self._line_done = False
        # The size of the piece that ended what was before this head: its beginning may be in there as well.
        self._shared_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parse, and watch over the head: when it is whole, how large it is, how long it takes."""
        if self._between and not self.busy and not self._messages:
            known = self.listener.heads.find(data)
            if known is not None:
                self._messages.append(known)  # type: ignore[arg-type]
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(None)
                return
        if self._chunked or self._held or self._may_have_trailers(data):
            self._read_in_steps(data)
        else:
            self._read(data)

    def _may_have_trailers(self, data: bytes) -> bool:
        """Whether there may be a chunked request with another one behind it in this piece."""
        if self._body_left >= len(data):
            return False  # all of it is body, and its length was told
        if not 0 <= data.find(END_OF_HEAD) < len(data) - len(END_OF_HEAD):
            return False
        in_head = not self._between and self._expected.is_eof()
        return in_head or b"chunked" in data.lower()

    def _read_in_steps(self, data: bytes) -> None:
        """Parse up to each empty line by itself, and begin anew with a new parser where a chunked body ends.

        aiohttp (3.14.5) keeps the last trailer of a request, and gives it to the next one as its first field.
        """
        held, self._held = self._held, b""
        if held or not data:
            self._read(b"")  # what the parser itself holds back comes first
            data = held + data
        before = len(self._messages)
        while True:
            if self._chunked and self._expected.is_eof():
                self._chunked = False
                self._parser = self._new_parser()
            if self._reading_paused or self._buffer_paused:
                self._held = data
                return
            if not data:
                return
            end = _end_of_lines(self._last, data)
            step, data = data[:end], data[end:]
            self._last = (self._last + step[-3:])[-3:]
            self._read(step)
            if self._messages and isinstance(self._messages[-1][0], Malformed):
                if len(self._messages) > before + 1 and self._messages[-2][1].exception() is not None:
                    del self._messages[-2]  # nobody has begun with it
                return

    def _read(self, data: bytes) -> None:
        """Let the parser read a piece, and see what came of it."""
        between, self._between = self._between, False
        before, size = self._request_count, len(data)
        in_body = not self._expected.is_eof()
        super().data_received(data)
        if self._request_count != before:
            body, (message, self._expected) = self._expected, self._messages[-1]
            self._chunked = type(message) is RawRequestMessage and message.chunked
            self._last = data[-3:]
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

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on. aiohttp asks for it after every piece, and would parse nothing each time."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _new_parser(self) -> HttpRequestParser:
        return HttpRequestParser(
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

    def _reparse(self, data: bytes) -> bytes:
        """Put the good requests before a malformed one that came with them, and give that one.

        aiohttp forgets them. One whose body broke off in the same piece is malformed as well.
        """
        error = self._messages.pop()
        before = len(self._messages)
        self._parser = self._new_parser()
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


def _end_of_lines(last: bytes, data: bytes) -> int:
    """Find where the next empty line ends; it may begin in the `last` bytes before `data`. Else all of it."""
    if last:
        across = (last + data[:3]).find(END_OF_HEAD)
        if across >= 0:
            return across + len(END_OF_HEAD) - len(last)
    end = data.find(END_OF_HEAD)
    return end + len(END_OF_HEAD) if end >= 0 else len(data)
