"""The way to a target with `websocket = true`: a 101 is believed only when it fits what the app asked."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from aiohttp import hdrs

from outrider.errors import Rubbish
from outrider.headers import connection_names

from .upstream import Upstream

if TYPE_CHECKING:
    from aiohttp.http import RawResponseMessage

    from outrider.exchange import Attempt, Exchange
    from outrider.headers import Field
    from outrider.response import Response

    from .upstream import Content

#: RFC 6455 section 1.3: what the app's key is hashed with.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ASK = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class UpgradingUpstream(Upstream):
    """Sends attempts as Upstream does; an app's WebSocket handshake may be answered with a Tunnel.

    Whatever the provider answers instead of a 101 is an ordinary response.
    """

    async def send(self, attempt: Attempt) -> Response:
        """Send one attempt; the body of a 101 is a Tunnel."""
        response = await super().send(attempt)
        if response.status == 101:
            content: Content = response.body  # type: ignore[assignment]
            response.body = content.switch()
        return response

    def _head(self, attempt: Attempt) -> bytes:
        head = super()._head(attempt)
        return head[:-2] + _ASK if _wants_websocket(attempt.exchange) else head

    def _examine(self, message: RawResponseMessage, attempt: Attempt, content: Content) -> list[Field]:
        if message.code != 101 or not _wants_websocket(attempt.exchange):
            return super()._examine(message, attempt, content)
        headers = message.headers
        names = connection_names(headers.getall(hdrs.CONNECTION, []))
        if headers.get(hdrs.UPGRADE, "").lower() != "websocket" or b"upgrade" not in names:
            raise Rubbish("the provider switched to something else than a WebSocket")
        if headers.getall(hdrs.SEC_WEBSOCKET_ACCEPT, []) != [_accept(attempt.exchange)]:
            raise Rubbish("the provider's Sec-WebSocket-Accept does not fit the app's key")
        self._check_fields(message.raw_headers)
        return self._shapes.filter.apply(message.raw_headers, names)


def _wants_websocket(exchange: Exchange) -> bool:
    """Whether the app's request is a WebSocket handshake; the gate has checked the rest of it."""
    return exchange.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"


def _accept(exchange: Exchange) -> str:
    """Give the answer to the app's key: nothing else speaks WebSocket (RFC 6455 section 4.2.2)."""
    key = exchange.headers[hdrs.SEC_WEBSOCKET_KEY].strip().encode("latin-1")
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
