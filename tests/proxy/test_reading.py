"""What is read of a connection, however its bytes are cut into pieces."""

import asyncio
from typing import Any

import pytest
from aiohttp.streams import StreamReader

from outrider.connection import Connection
from outrider.heads import Head
from proxy.test_connection import GET, Server, say, wire

TRAILED = (
    b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"7\r\na\r\n\r\n0\r\r\n0\r\nX-Sum: 1\r\nX-Last: 2\r\n\r\n"
)
NEXT = b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + GET


async def told(connection: Connection, message: Any, payload: StreamReader | bytes) -> bool:
    """Say what was read: the target, the names of the fields, the body."""
    body = payload if isinstance(payload, bytes) else await payload.read()
    names = b",".join(name for name, _ in message.raw_headers)
    say(connection, b"%b %b %r" % (message.path.encode(), names, body))
    return True


def pieces(data: bytes, *cuts: int) -> list[bytes]:
    ends = [*cuts, len(data)]
    return [data[start:end] for start, end in zip([0, *cuts], ends, strict=True)]


ALL = TRAILED + NEXT


@pytest.mark.parametrize(
    "cut",
    [
        pieces(ALL),
        *(pieces(ALL, place) for place in range(1, len(ALL))),
        pieces(ALL, *range(1, len(ALL))),
        pieces(ALL, *range(2, len(ALL), 2)),
        pieces(ALL, *range(3, len(ALL), 3)),
    ],
    ids=lambda cut: "-".join(str(len(piece)) for piece in cut)[:40],
)
async def test_trailers_reach_no_later_request(cut: list[bytes]) -> None:
    """They are dropped; the bodies and the requests behind are whole, in whatever pieces they came."""
    async with wire(Server(told)) as app:
        app.deliver(*cut)

        assert [await app.line() for _ in range(3)] == [
            b"/1 Host,Transfer-Encoding b'a\\r\\n\\r\\n0\\r'",
            b"/2 Host,Transfer-Encoding b'ok'",
            b"/x Host b''",
        ]


async def test_what_is_remembered_of_a_head_has_no_trailer_before_it() -> None:
    """Another connection that sends the same head gets the same fields: its own."""
    async with wire(Server(told)) as app:
        app.send(TRAILED)
        await app.line()
        app.send(GET)
        assert await app.line() == b"/x Host b''"

        known = app.listener.heads.find(GET)
        assert known is not None
        assert isinstance(known[0], Head)
        assert [name for name, _ in known[0].raw_headers] == [b"Host"]


async def test_a_body_that_is_held_back_holds_what_is_behind_it() -> None:
    """Its reader is slow, so the parser pauses within it: the trailers and the next request wait, and come."""
    go = asyncio.Event()

    async def slow(connection: Connection, message: Any, payload: StreamReader | bytes) -> bool:
        await go.wait()
        if isinstance(payload, StreamReader):
            size = len(await payload.read())
            say(connection, b"%d %d" % (size, len(message.raw_headers)))
        return True

    large = b"".join(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000) for _ in range(5))
    begun = b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = (
        begun + large + b"0\r\nX-Last: 1\r\n\r\n" + begun + b"0\r\nX-Last: 1\r\n\r\n" + begun + b"0\r\n\r\n"
    )
    async with wire(Server(slow)) as app:
        app.deliver(whole)
        assert app.connection._reading_paused
        go.set()

        assert [await app.line() for _ in range(3)] == [b"300000 2", b"0 2", b"0 2"]
