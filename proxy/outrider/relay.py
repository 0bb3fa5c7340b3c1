"""Pass a response on to the app, as it comes and at the app's pace.

A body that breaks off breaks the app's connection too: a truncated response must never look complete.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from time import monotonic, time
from typing import TYPE_CHECKING

from .errors import BrokenBody
from .headers import serialize
from .transport import Tunnel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .connection import Connection
    from .exchange import Exchange
    from .response import Content, Response

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("latin-1") for status in HTTPStatus
}
#: Milliseconds as Server-Timing says them, of 0.0 to 99.9: written once, since floats are slow to write.
_TENTHS = tuple(b"%.1f" % (number / 10) for number in range(1000))
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\n%bOutrider-Id: %b\r\nVia: 1.1 outrider\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
_CORS = b"access-control-"

_date_second = 0
_date_line = b""


def relay(
    connection: Connection, exchange: Exchange, response: Response, *, keep: bool, http10: bool
) -> Awaitable[None] | None:
    """Write the response; what is given is to be awaited where its body streams, or the app is slow.

    BrokenBody or ConnectionError when one side broke off. Most responses are whole, and cost no coroutine.
    """
    body = response.body
    head_only = exchange.method == "HEAD" or response.status in (204, 304)
    data = body.take()
    framing = b""
    chunked = False
    if data is not None and body.length is None and not head_only:
        framing = b"Content-Length: %d\r\n" % len(data)
    elif body.length is not None and response.status != 204:
        framing = b"Content-Length: %d\r\n" % body.length
    elif data is None:
        chunked = not http10
        keep = keep and chunked
        framing = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    if not keep:
        framing += b"Connection: close\r\n"
    elif http10:
        framing += b"Connection: keep-alive\r\n"
    fields = response.fields
    if "Origin" in exchange.headers:
        fields = [pair for pair in fields if not pair[0].lower().startswith(_CORS)]
    total_s = exchange.response_s = monotonic() - exchange.started
    upstream_s, waited_s = exchange.upstream_s, exchange.waited_s
    pieces = (
        _STATUS_LINES.get(response.status) or b"HTTP/1.1 %d \r\n" % response.status,
        serialize(fields),
        _date() if response.made_here else b"",
        b"Outrider-Id: ",
        exchange.id.encode(),
        b"\r\nOutrider-Attempts: ",
        str(exchange.attempts).encode(),
        b"\r\nVia: 1.1 outrider\r\nServer-Timing: outrider;dur=",
        _ms(total_s - upstream_s - waited_s),
        b", wait;dur=",
        _ms(waited_s) if waited_s else b"0.0",
        b", provider;dur=",
        _ms(upstream_s),
        b"\r\n",
        framing,
        b"\r\n",
        b"" if head_only or data is None else data,
    )
    head = b"".join(pieces)
    if head_only or data is not None:
        connection.write(head)
        if connection.writing_paused:
            return connection.drained(exchange.integration.target.timeout.idle)
        return None
    return _stream(connection, exchange, response, head, chunked)


async def _stream(
    connection: Connection, exchange: Exchange, response: Response, head: bytes, chunked: bool
) -> None:
    def into(piece: bytes) -> bool:
        try:
            connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        except ConnectionResetError:
            return False  # to wait for an app that has left raises
        return not connection.writing_paused

    idle_s = exchange.integration.target.timeout.idle
    body = response.body
    pour = getattr(body, "pour", None)
    connection.write(head)
    while not await (_pour(body, into) if pour is None else pour(into)):
        await connection.drained(idle_s)
    if chunked:
        connection.write(b"0\r\n\r\n")


async def _pour(body: Content, into: Callable[[bytes], bool]) -> bool:
    """Hand each piece to `into`, until that wants no more for now; tell whether this was all."""
    while piece := await body.read():
        if not into(piece):
            return False
    return True


async def tunnel(connection: Connection, exchange: Exchange, response: Response) -> None:
    """Write a 101 and join the app and the provider until both have ended. BrokenBody as for a body."""
    body = response.body
    if not isinstance(body, Tunnel):
        raise BrokenBody("a plugin answered 101, and there is nothing to switch to")
    exchange.response_s = monotonic() - exchange.started
    await connection.join(body, _SWITCHING % (serialize(response.fields), exchange.id.encode()))


def _ms(time_s: float) -> bytes:
    tenths = round(time_s * 1e4)
    return _TENTHS[tenths] if 0 <= tenths < len(_TENTHS) else b"%.1f" % (time_s * 1e3)


def _date() -> bytes:
    global _date_second, _date_line
    now = int(time())
    if now != _date_second:
        _date_second, _date_line = now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
    return _date_line
