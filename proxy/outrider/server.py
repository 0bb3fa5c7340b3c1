"""The app's side of an exchange: from a parsed request to the last byte of its answer."""

from __future__ import annotations

import asyncio
import logging
import traceback
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import hdrs
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web import RequestPayloadError
from multidict import CIMultiDict, CIMultiDictProxy, istr

from . import gate
from .body import KEEP_ONE, NO_BODY, Body
from .errors import BrokenBody, Malformed, NotFound, OutriderError, PluginFailed, Unauthorized, Unavailable
from .events import ExchangeDone, PluginRaised, tell
from .exchange import Exchange
from .heads import Head
from .ids import exchange_id
from .judged import ProviderMistake
from .layers import LayerMistake
from .members import are_legible
from .problem import answer
from .relay import relay, tunnel

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp.http import RawRequestMessage
    from aiohttp.streams import StreamReader

    from .clients import Client
    from .connection import Connection
    from .integration import Integration
    from .listener import Listener
    from .registry import Registry
    from .response import Response
    from .table import Table

_log = logging.getLogger("outrider")
_NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
_TIMEOUT = istr("Outrider-Timeout")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Server:
    """Answers requests against the current table; `table` is the one reference that a reload swaps."""

    def __init__(self, table: Table, registry: Registry) -> None:
        self.table = table
        self.draining = False
        self._connections = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._registry = registry

    def opened(self) -> bool:
        """Count a connection of whichever listener; whether there is room for it."""
        self._connections += 1
        self._empty.clear()
        return self._connections <= self.table.config.server.max_connections

    def closed(self) -> None:
        """Count a connection out."""
        self._connections -= 1
        if not self._connections:
            self._empty.set()

    async def wait_empty(self) -> None:
        """Wait until nobody is connected."""
        await self._empty.wait()

    def handle(
        self,
        connection: Connection,
        message: Head | RawRequestMessage | Malformed,
        content: StreamReader | bytes,
    ) -> Awaitable[bool]:
        """Answer one request; what is awaited says whether the connection may carry another."""
        started = monotonic()
        table = self.table
        if isinstance(message, OutriderError):
            exchange = Exchange(exchange_id(), table.nobody, "", "", _NO_HEADERS, (), Body(), started=started)
            return self._refuse(connection, exchange, EMPTY_PAYLOAD, message, keep=False, http10=False)
        head = message if type(message) is Head else Head(message)
        refusal: OutriderError | None = None
        if head.table is not table:
            try:
                self._place(head, table, connection.listener)
            except OutriderError as error:
                refusal = error
        integration = head.integration
        to = table.nobody if integration is None else integration
        if isinstance(content, bytes):
            payload: StreamReader = EMPTY_PAYLOAD
            body = NO_BODY if head.length is None else Body(content, length=head.length)
        else:
            payload = content
            body = _body(connection, head, payload, to.target.timeout.idle)
        exchange = Exchange(
            exchange_id(),
            to,
            head.method,
            head.rest,
            head.headers,
            head.raw_headers,
            body,
            base=head.base,
            named=head.named,
            started=started,
        )
        if refusal is None:
            try:
                self._admit(exchange, integration)
            except OutriderError as error:
                refusal = error
        keep = head.persistent and not connection.draining
        if refusal is None:
            return self._carry(connection, exchange, payload, keep=keep, http10=head.http10)
        if type(refusal) is Unauthorized and (names := _members_of_client(exchange)):
            return self._ask_body(
                connection, exchange, payload, refusal, names, keep=keep, http10=head.http10
            )
        return self._refuse(connection, exchange, payload, refusal, keep=keep, http10=head.http10)

    @staticmethod
    def _place(head: Head, table: Table, listener: Listener) -> None:
        """Let a head in, and find where it leads: the same for the same head, while the table is the same."""
        head.integration, head.rest, head.base = None, "", ("", "", "")
        gate.check_request(head.message, table.max_body)
        host = table.hosts.find(head.headers)
        head.integration, head.rest, prefix = table.find(listener.integration or host, head.path)
        head.base = listener.scheme, head.headers[hdrs.HOST], prefix
        gate.check_origin(head.headers)
        head.table = table

    def _admit(
        self, exchange: Exchange, integration: Integration | None, client: Client | None = None
    ) -> None:
        """The rules that need to know whom the request is for, or who asks: `client`, where that is known."""
        table = self.table
        headers = exchange.headers
        if table.clients is not None:
            client = client or table.clients.identify(headers, integration, exchange.query)
            exchange.client = client.name
            if integration is not None and integration is not table.nobody:
                client.check(exchange)
        if integration is None:
            raise NotFound("no integration by this name is configured; `outrider show` lists them")
        if hdrs.UPGRADE in headers:
            gate.check_upgrade(exchange, websocket=integration.config.websocket)
        if _TIMEOUT in headers:
            exchange.shorten(headers[_TIMEOUT])
        if self.draining:
            raise Unavailable("outrider is shutting down", retry_after_s=1)

    async def _ask_body(
        self,
        connection: Connection,
        exchange: Exchange,
        payload: StreamReader,
        error: OutriderError,
        names: tuple[str, ...],
        *,
        keep: bool,
        http10: bool,
    ) -> bool:
        """Carry a call whose body says in one of these members who calls."""
        table, integration, client = self.table, exchange.integration, None
        integration.in_flight += 1
        try:
            data = await exchange.body.gather()
            if table.clients is not None and data:
                token_call = integration.target.fetches_token(exchange.method, exchange.path)
                kind = None if token_call else exchange.headers.get(hdrs.CONTENT_TYPE, "")
                client = table.clients.identify_by_body(data, names, kind)
            if client is not None:
                self._admit(exchange, integration, client)
        except OutriderError as refusal:
            client, error = None, refusal
        except BaseException:  # the app has left
            exchange.body.close()
            tell(table.events, table.done, ExchangeDone(exchange, 0, True))
            raise
        finally:
            integration.in_flight -= 1
        if client is None:
            return await self._refuse(connection, exchange, payload, error, keep=keep, http10=http10)
        return await self._carry(connection, exchange, payload, keep=keep, http10=http10)

    async def _carry(
        self, connection: Connection, exchange: Exchange, payload: StreamReader, *, keep: bool, http10: bool
    ) -> bool:
        """Send an admitted exchange down its stack and pass on what comes back."""
        table = self.table
        integration, body = exchange.integration, exchange.body
        integration.in_flight += 1
        status, broken = 0, True
        response: Response | None = None
        try:
            try:
                response = await integration.send(exchange)
            except OutriderError as error:
                response = answer(error, id=exchange.id, integration=integration)
            except BrokenBody:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is answered, and named
                response = answer(self.blame(error), id=exchange.id, integration=integration)
            keep = keep and _whole(payload) and not connection.draining
            status = response.status
            if status == 101:
                await tunnel(connection, exchange, response)
                broken = False
                return False
            rest = relay(connection, exchange, response, keep=keep, http10=http10)
            if rest is not None:
                await rest
            broken = False
            if not payload.is_eof():
                response.close()  # ends the upload, which reads the payload too
                await connection.linger(payload)
            return keep
        finally:
            if response is not None:
                response.close()
            if body is not NO_BODY:
                body.close()
            integration.in_flight -= 1
            tell(table.events, table.done, ExchangeDone(exchange, status, broken))

    async def _refuse(
        self,
        connection: Connection,
        exchange: Exchange,
        payload: StreamReader,
        error: OutriderError,
        *,
        keep: bool,
        http10: bool,
    ) -> bool:
        """Answer without sending anything; the connection ends where its framing is in doubt."""
        table = self.table
        integration = exchange.integration if exchange.integration is not table.nobody else None
        response = answer(error, id=exchange.id, integration=integration)
        keep = keep and not isinstance(error, Malformed) and payload.is_eof()
        broken = True
        try:
            rest = relay(connection, exchange, response, keep=keep, http10=http10)
            if rest is not None:
                await rest
            broken = False
            if not payload.is_eof() and hdrs.EXPECT not in exchange.headers:
                await connection.linger(payload)
        finally:
            if exchange.body is not NO_BODY:
                exchange.body.close()
            tell(table.events, table.done, ExchangeDone(exchange, response.status, broken))
        return keep

    def blame(self, error: BaseException, where: str = "on the request path") -> OutriderError:
        """Find whose code raised, from the innermost frame out; the log has the traceback."""
        plugin: str | None
        if isinstance(error, LayerMistake):
            plugin = error.plugin
        elif isinstance(error, ProviderMistake):
            plugin = self._registry.plugin_of(error.module)
        else:
            plugin = self._plugin_in(error)
        if plugin is not None:
            _log.error("plugin '%s' raised %s", plugin, where, exc_info=error)
            self.table.events.emit(PluginRaised(plugin))
            return PluginFailed(plugin)
        _log.error("a mistake of Outrider's own %s", where, exc_info=error)
        return OutriderError("a mistake of Outrider's own; its log has the details")

    def _plugin_in(self, error: BaseException) -> str | None:
        for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
            plugin = self._registry.plugin_of(frame.f_globals.get("__name__", ""))
            if plugin is not None:
                return plugin
        return None


def _members_of_client(exchange: Exchange) -> tuple[str, ...]:
    """Give the members of the body in which a client's token may be: none of it goes to the provider."""
    target = exchange.integration.target
    if (exchange.body.length or 0) > KEEP_ONE:
        return ()
    if target.fetches_token(exchange.method, exchange.path):
        return ("client_secret", "client_id")
    # Who has not said who it is, and waits to be told to go on, is not told so for the sake of that.
    waits = hdrs.EXPECT in exchange.headers
    return target.credential_members if are_legible(exchange.headers) and not waits else ()


def _whole(payload: StreamReader) -> bool:
    return payload is EMPTY_PAYLOAD or (payload.is_eof() and payload.exception() is None)


def _body(connection: Connection, head: Head, payload: StreamReader, idle_s: float) -> Body:
    """Give the request's body: bytes where all of it has come, a stream otherwise."""
    if payload is EMPTY_PAYLOAD:
        return NO_BODY if head.length is None else Body(b"", length=0)
    if payload.is_eof() and payload.exception() is None:
        data = payload.read_nowait()
        return Body(data, length=len(data) if data or head.length is not None else None)
    waits = head.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and not head.http10
    upload = _Upload(connection, payload, idle_s, waits=waits)
    return Body(None, length=head.length, source=upload.read)


class _Upload:
    """Reads a body that streams: 100-continue when the first piece is wanted, a deadline for each."""

    __slots__ = ("_connection", "_idle_s", "_payload", "_seen", "_waits")

    def __init__(self, connection: Connection, payload: StreamReader, idle_s: float, *, waits: bool) -> None:
        self._connection = connection
        self._payload = payload
        self._idle_s = idle_s
        self._waits = waits
        self._seen = 0

    async def read(self) -> bytes:
        """Give the next piece, b"" at the end."""
        if self._waits:
            self._waits = False
            self._connection.write(_CONTINUE)
        max_body = self._connection.listener.server.table.max_body
        payload = self._payload
        timer = asyncio.get_running_loop().call_later(self._idle_s, payload.set_exception, _stalled())
        try:
            piece = await payload.readany()
            if not piece and (broken := payload.exception()) is not None:
                raise broken
        except RequestPayloadError as error:
            raise Malformed("the request's body is not well-formed") from error
        except RuntimeError as error:  # aiohttp's word for a connection that is gone
            raise ConnectionResetError("the app has left") from error
        finally:
            timer.cancel()
        self._seen += len(piece)
        if self._seen > max_body:
            raise Malformed(f"the body is longer than server.max_body, {max_body} bytes", status=413)
        return piece


def _stalled() -> Malformed:
    return Malformed("the request's body stopped coming", status=408)
