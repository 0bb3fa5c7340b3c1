"""Upstream: sends the attempts of one target, and checks every head before any of it is passed on."""

from __future__ import annotations

import asyncio
import re
import ssl
from email.utils import formatdate
from itertools import compress
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp.client_exceptions import ClientError
from aiohttp.http import HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD

from outrider.errors import BrokenBody, OutriderError, Rubbish, Unreachable
from outrider.headers import CLEAN, NO_NAMES, TOKEN, Field, connection_names, serialize
from outrider.links import turn_back
from outrider.response import Response
from outrider.tasks import spawn

from .pool import Pool
from .shapes import PLAIN_CONNECTION, Shapes
from .tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from outrider.exchange import Attempt
    from outrider.integration import Target
    from outrider.links import Place

    from .protocol import Protocol

#: What ends a request target.
_UNCLEAN = re.compile(r"[\x00-\x20\x7f]")
_DIGITS = re.compile(r"[0-9]+")
_EMPTY_STATUS = frozenset((204, 304))
#: Fields whose values decide what becomes of them, or of the body.
_BY_VALUE = frozenset((b"transfer-encoding", b"location", b"link"))


class Upstream:
    """Sends attempts to one base URL of a target (its first unless given) over a pool of its own."""

    def __init__(
        self,
        target: Target,
        place: Place | None = None,
        *,
        tls: ssl.SSLContext | None,
        own_ports: Collection[int] = (),
    ) -> None:
        self._target = target
        # Its own place first: a relative URL is of that.
        self._places = target.places if place is None else (place, *target.places)
        self._base = base = self._places[0].url
        self._pool = Pool(base, tls=tls, own_ports=own_ports, connect_s=target.timeout.connect)
        self._prefix = base.path
        self._host_line = f" HTTP/1.1\r\nHost: {base.authority}\r\n".encode()
        names = target.provider.url_headers if target.provider is not None else ()
        self._url_fields = frozenset(name.lower().encode("latin-1") for name in names)
        self._shapes = Shapes(_BY_VALUE | self._url_fields)
        self._response_s = target.timeout.response
        self._idle_s = target.timeout.idle

    def __repr__(self) -> str:
        return f"<Upstream {self._base}>"

    async def send(self, attempt: Attempt) -> Response:
        """Send one attempt and give the response once its head is there."""
        assert attempt.to is self._target, "an attempt goes to its own target only"
        exchange = attempt.exchange
        body = exchange.body
        head = self._head(attempt)
        started = now = monotonic()
        pool = self._pool
        upload: asyncio.Task[None] | None = None
        protocol: Protocol | None = None
        try:
            protocol = pool.checkout()
            if protocol is None:
                protocol = await pool.connect(exchange.deadline - now)
                now = monotonic()
            waiter = protocol.begin(head_only=attempt.method == "HEAD", read=self._shapes.read)
            if body.data is not None:
                protocol.write(head + body.data if body.data else head)
                left_s = exchange.deadline - now
                protocol.expire_in(left_s if left_s < self._response_s else self._response_s)
            else:
                protocol.uploaded = False
                protocol.write(head)
                protocol.expire_in(exchange.deadline - now)
                upload = spawn(self._upload(attempt, protocol), name=f"upload of {exchange.id}")
            came = await waiter
            if isinstance(came, Response):
                pool.put_back(protocol)
                return came
            message, payload = came
            content = Content(pool, protocol, payload, upload, self._idle_s)
            return Response(message.code, self._accept(message, attempt, content), content)
        except BaseException:
            if upload is not None:
                upload.cancel()
            if protocol is not None:
                pool.drop(protocol)
            raise
        finally:
            exchange.upstream_s += monotonic() - started

    async def close(self) -> None:
        """Close the pool; idle connections end at once."""
        await self._pool.close()

    def _head(self, attempt: Attempt) -> bytes:
        exchange = attempt.exchange
        if attempt.target is not exchange.target or attempt.method is not exchange.method:
            self._check_line(attempt)
        target = self._prefix + attempt.target
        if target[:1] != "/":
            target = "/" + target
        body = exchange.body
        if body.length is not None:
            framing = b"Via: 1.1 outrider\r\nContent-Length: %d\r\n\r\n" % body.length
        elif body.data is None:
            framing = b"Via: 1.1 outrider\r\nTransfer-Encoding: chunked\r\n\r\n"
        else:
            framing = b"Via: 1.1 outrider\r\n\r\n"
        line = f"{attempt.method} {target}".encode("utf-8", "surrogateescape")
        return line + self._host_line + serialize(attempt.fields) + framing

    @staticmethod
    def _check_line(attempt: Attempt) -> None:
        """Check what a layer made of the request line: the gate saw only the app's own."""
        if _UNCLEAN.search(attempt.target) is not None or TOKEN.fullmatch(attempt.method.encode()) is None:
            raise ValueError(
                "a layer gave the attempt a method or target that cannot stand in a request line"
            )

    async def _upload(self, attempt: Attempt, protocol: Protocol) -> None:
        """Write a body that streams, at the pace at which the provider takes it."""
        body = attempt.exchange.body
        chunked = body.length is None
        pieces = body.pieces()
        try:
            async for piece in pieces:
                protocol.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if protocol.writing_paused:
                    await protocol.drained()
            if chunked:
                protocol.write(b"0\r\n\r\n")
            protocol.uploaded = True
            protocol.expire_in(min(self._response_s, attempt.exchange.deadline - monotonic()))
        except OutriderError as error:
            protocol.fail(error)
        except (OSError, ClientError):
            pass  # the connection ended: the wait for its response tells what happened
        except Exception:
            protocol.fail(Unreachable("the request's body could not be sent"))  # nobody waits for its end
            raise
        finally:
            await pieces.aclose()

    def _accept(self, message: RawResponseMessage, attempt: Attempt, content: Content) -> list[Field]:
        """Check a head before any of it is passed on, and give the fields that are.

        What depends on the names alone is looked up; what depends on a value is looked at each time.
        """
        raw = message.raw_headers
        shape = self._shapes.find(raw)
        if shape is None or not 200 <= message.code <= 599 or message.version is not HttpVersion11:
            return self._examine(message, attempt, content)
        if b"".join([value for _, value in raw]).translate(None, CLEAN):
            raise Rubbish("the provider's header has a control character")
        if shape.connection >= 0 and raw[shape.connection][1] not in PLAIN_CONNECTION:
            return self._examine(message, attempt, content)
        if shape.length >= 0:
            given = raw[shape.length][1]
            if not given.isdigit():
                return self._examine(message, attempt, content)
            content.length = int(given)
        content.empty = attempt.method == "HEAD" or message.code in _EMPTY_STATUS
        return [*compress(raw, shape.passing)]

    def _examine(self, message: RawResponseMessage, attempt: Attempt, content: Content) -> list[Field]:
        """Check each thing that could be wrong with a head."""
        status = message.code
        if not 200 <= status <= 599:
            raise Rubbish(f"the provider answered with status {status:03}")
        minor = message.version[1]
        if message.version[0] != 1 or minor not in (0, 1):
            raise Rubbish("the provider answered in a version of HTTP that is not spoken here")
        raw = message.raw_headers
        self._check_fields(raw)
        headers = message.headers
        length: int | None = None
        if "Content-Length" in headers:
            lengths = headers.getall("Content-Length")
            if len(set(lengths)) > 1 or _DIGITS.fullmatch(lengths[0]) is None:
                raise Rubbish("the provider's Content-Length is not one number")
            length = int(lengths[0])
        if "Transfer-Encoding" in headers:
            codings = headers.getall("Transfer-Encoding")
            if length is not None:
                raise Rubbish("the provider sent both Content-Length and Transfer-Encoding")
            if len(codings) > 1 or codings[0].lower() != "chunked" or minor == 0:
                raise Rubbish(
                    "the provider used a transfer coding other than chunked",
                    error_type="http_response_transfer_coding",
                )
        named = connection_names(headers.getall("Connection")) if "Connection" in headers else NO_NAMES
        fields = self._shapes.filter.apply(raw, named)
        # A fallback's URLs stay as they are: below the app's address is the first target.
        own = attempt.exchange.integration.target is self._target
        if own and ("Location" in headers or "Link" in headers or self._url_fields):
            fields = turn_back(fields, self._places, attempt.exchange.base, self._url_fields)
        if "Date" not in headers:
            fields.append((b"Date", formatdate(usegmt=True).encode()))
        content.length = length
        content.empty = attempt.method == "HEAD" or status in _EMPTY_STATUS
        self._shapes.remember(raw)
        return fields

    @staticmethod
    def _check_fields(raw: Iterable[Field]) -> None:
        if b"".join([name + value for name, value in raw]).translate(None, CLEAN):
            raise Rubbish("the provider's header has a control character")
        # llhttp lets a space stand between the colon and the names that it knows itself: a length that
        # we do not count, and the app's own parser may.
        if any(TOKEN.fullmatch(name) is None for name, _ in raw):
            raise Rubbish("the provider's header has a field whose name is none")


class Content:
    """The body of a provider's response, read from its connection."""

    __slots__ = ("_idle_s", "_payload", "_pool", "_protocol", "_upload", "empty", "length")

    def __init__(
        self,
        pool: Pool,
        protocol: Protocol,
        payload: StreamReader,
        upload: asyncio.Task[None] | None,
        idle_s: float,
    ) -> None:
        self._pool = pool
        self._protocol: Protocol | None = protocol
        self._payload = payload
        self._upload = upload
        self._idle_s = idle_s
        self.length: int | None = None
        self.empty = False

    def switch(self) -> Tunnel:
        """Give the connection as a tunnel, after a 101."""
        assert self._protocol is not None, "a body that is closed has no connection"
        return Tunnel(self, self._protocol, self._idle_s)

    def take(self) -> bytes | None:
        """Give all of it if all of it is here."""
        if self.empty:
            return b""
        payload = self._payload
        if payload is EMPTY_PAYLOAD:
            return b""
        if not payload._eof or payload._exception is not None:
            return None
        # What `read_nowait` does at the end of a body, without five calls for it.
        data = b"".join(payload._buffer)
        payload._buffer.clear()
        return data

    async def read(self) -> bytes:
        """Give the next piece.

        What `readany` does, without ten calls and two coroutines for it: they were a good part of what an
        event of a stream costs.
        """
        protocol, payload = self._protocol, self._payload
        if self.empty or protocol is None or payload is EMPTY_PAYLOAD:
            return b""
        try:
            if payload._exception is None:
                while not payload._buffer and not payload._eof:
                    if protocol.transport is None:
                        raise BrokenBody("the provider's connection is closed")
                    protocol.await_piece(self._idle_s)
                    payload._waiter = waiter = payload._loop.create_future()
                    try:
                        await waiter
                    finally:
                        payload._waiter = None
                        protocol.got_piece()
                if len(payload._buffer) == 1:
                    return payload._read_nowait_chunk(-1)
                if payload._buffer:
                    return payload._read_nowait(-1)
            if payload._exception is not None:
                raise payload._exception
            return b""
        except OutriderError as error:
            raise BrokenBody(error.detail) from error
        except (ClientError, OSError, RuntimeError) as error:
            raise BrokenBody(f"the provider's connection broke: {type(error).__name__}") from error

    async def pour(self, into: Callable[[bytes], bool]) -> bool:
        """Hand each piece to `into` as it arrives, until that wants no more for now; tell whether it was all.

        After the first piece the socket's own callback does it: waking a task for each event of a stream
        is a third of what that costs.
        """
        protocol, payload = self._protocol, self._payload
        while piece := await self.read():
            if not into(piece):
                return False
            assert protocol is not None
            if not payload._buffer and not payload._eof and payload._exception is None:
                payload._eof_waiter = waiter = payload._loop.create_future()
                protocol.pour(into, waiter, self._idle_s)
                try:
                    await waiter
                except (OutriderError, ClientError, OSError, RuntimeError):
                    pass  # `read` tells what that means
                finally:
                    payload._eof_waiter = None
                    wants_more = protocol.stop_pouring()
                if not wants_more:
                    return False
        return True

    def close(self) -> None:
        """Put the connection back after a whole body, cut it off otherwise."""
        protocol, self._protocol = self._protocol, None
        if protocol is None:
            return
        if self._upload is not None:
            self._upload.cancel()
        whole = self.empty or (self._payload.is_eof() and self._payload.exception() is None)
        if whole and protocol.uploaded:
            self._pool.put_back(protocol)
        else:
            self._pool.drop(protocol)
