"""The way to a provider: the one module that knows aiohttp's client.

`ClientSession` stays outside: it re-sends, follows redirects, stores cookies and decodes bodies by
itself, and costs more than all the rest of a request. What is used of aiohttp is its connector
(DNS, happy eyeballs, TLS, pooling) and its C parser.

What must stay true:
- a connection is handed out only if nothing has arrived on it since its last response ended, or the
  bytes of one caller's response would reach another (aio-libs/aiohttp#13656);
- nothing is sent twice: whoever wants another attempt makes one;
- whatever does not end at the end of a response closes its connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from email.utils import formatdate
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from .errors import BrokenBody, OutriderError, Rubbish, StartError, TooSlow, Unreachable
from .headers import HOP_BY_HOP, Field, Filter, connection_names, serialize
from .links import turn_back
from .response import Response
from .tasks import spawn

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from .exchange import Attempt
    from .integration import Target

#: An idle connection is kept this long; most providers close theirs after a minute or more.
KEEP_IDLE_S = 15.0
READ_BUFFER = 64 * 1024
MAX_FIELD = 32 * 1024
MAX_FIELDS = 256

_UNCLEAN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIGITS = re.compile(r"[0-9]+")
_EMPTY_STATUS = frozenset((204, 304))
#: Not link-local, and metadata all the same.
_METADATA = frozenset((ipaddress.ip_address("fd00:ec2::254"),))


class Upstream:
    """Sends attempts to one target over a pool of its own: never shared with another credential."""

    def __init__(self, target: Target, *, tls: ssl.SSLContext | None, own_ports: Collection[int] = ()) -> None:
        self._target = target
        self._tls = tls
        self._own_ports = own_ports
        base = target.base
        self._prefix = base.path
        self._host_line = f" HTTP/1.1\r\nHost: {base.authority}\r\n".encode()
        self._origin = _Origin(base.scheme, base.host, base.port, tls)
        self._response_filter = Filter(HOP_BY_HOP)
        self._response_s = target.timeout.response
        self._idle_s = target.timeout.idle
        self._connect = ClientTimeout(connect=target.timeout.connect)
        self._connector: _Pool | None = None

    async def send(self, attempt: Attempt) -> Response:
        """Send one attempt and give the response once its head is there."""
        assert attempt.to is self._target, "an attempt goes to its own target only"
        exchange = attempt.exchange
        body = exchange.body
        head = self._head(attempt)
        connection = await self._checkout(exchange.deadline)
        protocol = connection.protocol
        assert isinstance(protocol, _Protocol)
        started = monotonic()
        upload: asyncio.Task[None] | None = None
        try:
            protocol.begin(attempt.method)
            transport = protocol.transport
            assert transport is not None
            if body.data is not None:
                transport.write(head + body.data if body.data else head)
                protocol.expire_in(min(self._response_s, exchange.deadline - started))
            else:
                transport.write(head)
                protocol.uploaded = False
                protocol.expire_in(exchange.deadline - started)
                upload = spawn(self._upload(attempt, protocol), name=f"upload of {exchange.id}")
            message, payload = await protocol.head()
        except BaseException as error:
            if upload is not None:
                upload.cancel()
            protocol.abort()
            connection.close()
            if isinstance(error, ClientError | HttpProcessingError | OSError):
                raise _translate(error) from error
            raise
        finally:
            exchange.upstream_s += monotonic() - started
        content = _Content(connection, protocol, payload, upload, self._idle_s)
        try:
            fields = self._accept(message, attempt.method, exchange.base, content)
        except Rubbish:
            content.close()
            raise
        return Response(message.code, fields, content)

    async def close(self) -> None:
        """Close the pool; idle connections end at once."""
        if self._connector is not None:
            await self._connector.close()

    def _head(self, attempt: Attempt) -> bytes:
        target = self._prefix + attempt.target
        if target[:1] != "/":
            target = "/" + target
        fields = attempt.headers.fields
        body = attempt.exchange.body
        framing = b"Via: 1.1 outrider\r\n"
        if body.length is not None:
            framing += b"Content-Length: %d\r\n" % body.length
        elif body.data is None:
            framing += b"Transfer-Encoding: chunked\r\n"
        line = f"{attempt.method} {target}".encode("utf-8", "surrogateescape")
        return b"%b%b%b%b\r\n" % (line, self._host_line, serialize(fields), framing)

    async def _checkout(self, deadline: float) -> Connection:
        connector = self._connector
        if connector is None:
            connector = self._connector = _Pool(self._tls, self._own_ports)
        while True:
            try:
                # The stand-in has all that connect() reads of a request; a test holds aiohttp to that.
                connection = await connector.connect(self._origin, [], self._connect)  # type: ignore[arg-type]
            except TimeoutError:
                raise TooSlow(
                    f"no connection to {self._target.base.authority} within {self._target.timeout.connect:g} s",
                    token="connection_timeout",
                    written=False,
                ) from None
            except (ClientError, OSError) as error:
                raise _unreachable(error, self._target.base.authority) from error
            protocol = connection.protocol
            if protocol is not None and not protocol.should_close and protocol.is_connected():
                return connection
            connection.close()
            if monotonic() > deadline:
                raise TooSlow("no clean connection in time", token="connection_timeout", written=False)

    async def _upload(self, attempt: Attempt, protocol: _Protocol) -> None:
        """Write a body that streams, at the pace at which the provider takes it."""
        body = attempt.exchange.body
        chunked = body.length is None
        pieces = body.pieces()
        try:
            async for piece in pieces:
                transport = protocol.transport
                if transport is None:
                    return
                transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if protocol.writing_paused:
                    await protocol.drained()
            if (transport := protocol.transport) is not None:
                if chunked:
                    transport.write(b"0\r\n\r\n")
                protocol.uploaded = True
                remaining = attempt.exchange.deadline - monotonic()
                protocol.expire_in(min(self._response_s, remaining))
        except (OSError, ClientError):
            return  # the response side of the same connection tells what happened
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            protocol.fail(error)
        finally:
            await pieces.aclose()

    def _accept(
        self, message: RawResponseMessage, method: str, base: str, content: _Content
    ) -> list[Field]:
        """Check a head before any of it is passed on, and give the fields that are."""
        status = message.code
        if not 200 <= status <= 599:
            raise Rubbish(f"the provider answered with status {status:03}")
        if message.version[0] != 1 or message.version[1] not in (0, 1):
            raise Rubbish("the provider answered in a version of HTTP that is not spoken here")
        raw = message.raw_headers
        if _UNCLEAN.search(b"\t".join([part for pair in raw for part in pair])) is not None:
            raise Rubbish("the provider's header has a control character")
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
            if len(codings) > 1 or codings[0].strip().lower() != "chunked" or message.version[1] == 0:
                raise Rubbish("the provider used a transfer coding other than chunked", token="http_response_transfer_coding")
        named: frozenset[bytes] = frozenset()
        if "Connection" in headers:
            named = connection_names(headers.getall("Connection"))
        fields = self._response_filter.apply(raw, named)
        if "Location" in headers or "Link" in headers or "Content-Location" in headers:
            fields = turn_back(fields, self._target.base, base)
        if "Date" not in headers:
            fields.append((b"Date", formatdate(usegmt=True).encode()))
        if method == "HEAD" or status in _EMPTY_STATUS:
            content.length = length
            content.empty = True
        else:
            content.length = length
        return fields


class _Content:
    """The body of a provider's response, read from its connection."""

    __slots__ = ("_connection", "_idle_s", "_payload", "_protocol", "_upload", "empty", "length")

    def __init__(
        self,
        connection: Connection,
        protocol: _Protocol,
        payload: StreamReader,
        upload: asyncio.Task[None] | None,
        idle_s: float,
    ) -> None:
        self._connection = connection
        self._protocol = protocol
        self._payload = payload
        self._upload = upload
        self._idle_s = idle_s
        self.length: int | None = None
        self.empty = False

    def take(self) -> bytes | None:
        payload = self._payload
        if self.empty:
            return b""
        if not payload.is_eof() or payload.exception() is not None:
            return None
        return payload.read_nowait()

    async def read(self) -> bytes:
        if self.empty:
            return b""
        protocol = self._protocol
        protocol.await_piece(self._idle_s)
        try:
            return await self._payload.readany()
        except OutriderError as error:
            raise BrokenBody(error.detail) from error
        except (ClientError, HttpProcessingError, OSError, RuntimeError) as error:
            raise BrokenBody(f"the provider's connection broke: {type(error).__name__}") from error
        finally:
            protocol.waiting = False

    def close(self) -> None:
        connection = self._connection
        if connection.protocol is None:
            return
        self._protocol.relax()
        if self._upload is not None:
            self._upload.cancel()
        whole = self.empty or (self._payload.is_eof() and self._payload.exception() is None)
        if whole and self._protocol.uploaded:
            self._protocol.idle = True
            connection.release()
        else:
            self._protocol.abort()
            connection.close()


class _Protocol(ResponseHandler):
    """aiohttp's client protocol, told when it must be silent and how long it may take."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.idle = True
        self.uploaded = True
        self.waiting = False
        self._headed = False
        self._deadline: asyncio.TimerHandle | None = None
        self._idle_s = 0.0
        self._progress = 0.0

    def begin(self, method: str) -> None:
        """Take the connection for one request."""
        self.idle = False
        self.uploaded = True
        self._headed = False
        self.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_BUFFER,
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
        )

    async def head(self) -> tuple[RawResponseMessage, StreamReader]:
        """Give the final head; interim ones (1xx but 101) are passed over."""
        while True:
            message, payload = await self.read()
            if not 100 <= message.code <= 199 or message.code == 101:
                break
        self._headed = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        return message, payload

    def expire_in(self, seconds: float) -> None:
        """Fail the wait for the head after `seconds`; too late once it is there."""
        if self._headed:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(max(0.0, seconds), self._head_late)

    def await_piece(self, idle_s: float) -> None:
        """Fail the wait for a piece of the body after `idle_s`; one timer serves a whole stream."""
        self.waiting = True
        self._progress = monotonic()
        if self._deadline is None and idle_s:
            self._idle_s = idle_s
            self._deadline = self._loop.call_later(idle_s, self._piece_late)

    def relax(self) -> None:
        """Nothing is waited for any more."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def fail(self, error: BaseException) -> None:
        """End whatever waits on this connection."""
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)

    async def drained(self) -> None:
        """Wait until what was written has left."""
        await self._drain_helper()

    def data_received(self, data: bytes) -> None:
        """Parse; bytes that nobody asked for end the connection, so that they reach nobody."""
        if self.idle and data:
            self.force_close()
            self.abort()
            return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.relax()
        super().connection_lost(exc)

    def _head_late(self) -> None:
        self._deadline = None
        if self.uploaded:
            self.fail(TooSlow("the provider did not answer in time"))
        else:
            self.fail(TooSlow("the request was not sent in time", token="connection_write_timeout"))

    def _piece_late(self) -> None:
        self._deadline = None
        late = monotonic() - self._progress
        if self.waiting and late >= self._idle_s:
            self.fail(TooSlow(f"the provider sent nothing for {self._idle_s:g} s", token="connection_read_timeout"))
        else:
            rest = self._idle_s - late if self.waiting else self._idle_s
            self._deadline = self._loop.call_later(rest, self._piece_late)


class _Origin:
    """What `TCPConnector.connect()` reads of a request: where to, and with which TLS."""

    __slots__ = ("connection_key", "port", "proxy", "server_hostname", "ssl", "url")

    def __init__(self, scheme: str, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.url = URL.build(scheme=scheme, host=host, port=port)
        self.port = port
        self.ssl: ssl.SSLContext | bool = tls if tls is not None else True
        self.proxy = None
        self.server_hostname = None
        self.connection_key = ConnectionKey(host, port, scheme == "https", self.ssl, None, None, None)

    def is_ssl(self) -> bool:
        return self.connection_key.is_ssl


class _Pool(TCPConnector):
    """aiohttp's connector, making our protocol, and dialling nothing that it must not."""

    def __init__(self, tls: ssl.SSLContext | None, own_ports: Collection[int]) -> None:
        super().__init__(
            limit=0,
            keepalive_timeout=KEEP_IDLE_S,
            ssl=tls if tls is not None else True,
            resolver=_Resolver(own_ports),
        )
        self._factory = partial(_Protocol, self._loop)


class _Resolver(AbstractResolver):
    """Refuses link-local addresses (cloud metadata lives there) that a name resolves to."""

    def __init__(self, own_ports: Collection[int]) -> None:
        self._inner = ThreadedResolver()
        self._own_ports = own_ports

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        addresses = [ipaddress.ip_address(one["host"].partition("%")[0]) for one in found]
        if any(address.is_link_local or address in _METADATA for address in addresses):
            raise _Prohibited(f"{host} resolves to a link-local address, where cloud metadata lives")
        if port in self._own_ports and any(address.is_loopback for address in addresses):
            raise _Prohibited(f"{host} resolves to Outrider itself")
        return found

    async def close(self) -> None:
        await self._inner.close()


class _Prohibited(OSError):
    """A name that resolves to where nothing may be sent."""


def _unreachable(error: ClientError | OSError, where: str) -> Unreachable:
    """Say in our words why there is no connection. aiohttp's own words can hold the whole URL."""
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    if isinstance(cause, _Prohibited) or isinstance(cause.__cause__, _Prohibited):
        return Unreachable(str(cause), token="destination_ip_prohibited", written=False)
    if isinstance(error, ClientConnectorDNSError):
        return Unreachable(f"the name of {where} does not resolve", token="dns_error", written=False)
    if isinstance(error, ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it is not trusted"
        return Unreachable(f"the certificate of {where} is refused: {reason}", token="tls_certificate_error", written=False)
    if isinstance(error, ClientConnectorSSLError):
        return Unreachable(f"TLS with {where} failed", token="tls_protocol_error", written=False)
    if isinstance(cause, ConnectionRefusedError):
        return Unreachable(f"{where} refuses connections", token="connection_refused", written=False)
    reason = (getattr(cause, "strerror", None) or type(cause).__name__).lower()
    return Unreachable(f"{where} cannot be reached: {reason}", written=False)


def _translate(error: BaseException) -> Unreachable | Rubbish:
    """Say in our words why there is no response to what was written."""
    if isinstance(error, HttpProcessingError):
        return Rubbish("the provider's answer is not HTTP")
    return Unreachable("the provider closed the connection before it answered", token="connection_terminated")


def tls_context(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Make the TLS context of `tls = { ca, cert, key }`; None for the usual one. StartError names the file."""
    if ca is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"tls.ca: {ca} cannot be used: {_reason(error)}") from error
    if cert is not None:
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise StartError(f"tls.cert: {cert} with key {key} cannot be used: {_reason(error)}") from error
    return context


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
