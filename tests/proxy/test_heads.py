"""Heads that are known: what is read of them is what the parser reads."""

import asyncio
from typing import Any

from aiohttp.streams import StreamReader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outrider.config import Listen
from outrider.connection import Connection
from outrider.errors import BrokenBody, OutriderError
from outrider.heads import _MOST, Head, Heads
from outrider.listener import Listener

GET = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"

#: What an app may send next, in order or out of order.
PIECES = (
    GET,
    POST,
    b"body\r\n\r\nX",
    POST + b"123456789",
    POST + GET[:9],
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"\r\n",
    b"\r",
    b"GET /o HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"GET /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    b"GET /u HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a\r\nX-Long: ",
    b"rubbish\x00",
)


class Forgetful(Heads):
    """Knows no head, so that everything is read by the parser."""

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        return None


class Transport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        pass

    def pause_reading(self) -> None:
        self.closed = True

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Server:
    """Notes what it is asked, body and all."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def opened(self) -> bool:
        return True

    def closed(self) -> None:
        pass

    async def handle(self, connection: Connection, message: Any, content: StreamReader | bytes) -> bool:
        if isinstance(message, OutriderError):
            self.seen.append(message.status)
            return False
        head = message if isinstance(message, Head) else Head(message)
        at = len(self.seen)
        facts = (head.method, head.path, head.raw_headers, head.named, head.length, head.persistent)
        self.seen.append((*facts, "begun"))
        try:
            body = content if isinstance(content, bytes) else await content.read()
        except (BrokenBody, OSError) as error:
            body = type(error)
        self.seen[at] = (*facts, body)
        return head.persistent


async def carried(pieces: list[bytes], heads: Heads) -> list[Any]:
    """Have pieces arrive, each when what came before is dealt with; give what the server saw."""
    server = Server()
    listener = Listener(Listen("127.0.0.1", 0), server)  # type: ignore[arg-type]
    listener.heads = heads
    connection, transport = listener(), Transport()
    connection.connection_made(transport)
    for piece in pieces:
        if not transport.closed:
            connection.data_received(piece)
        for _ in range(8):
            await asyncio.sleep(0)
    seen = list(server.seen)
    connection.connection_lost(None)
    await asyncio.sleep(0)
    return seen


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(0, 60))
@example([POST + b"1234", b"56789GET /y HTTP/1.1\r\nX: ", GET], 0)
@example([GET + b"\r", b"\nGET /y HTTP/1.1\r\nHost: ", GET], 0)
def test_a_known_head_means_what_the_parser_says(sent: list[bytes], cut: int) -> None:
    """Whatever came before it, and however it is cut: nothing is read that would not be read without."""
    known = Heads()

    async def compared() -> tuple[list[Any], list[Any]]:
        for each in (GET, POST + b"123456789"):
            await carried([each], known)
        whole = b"".join(sent)
        pieces = [*sent, whole[:cut], whole[cut:]] if cut else sent
        return await carried(pieces, known), await carried(pieces, Forgetful())

    with_heads, without = asyncio.run(compared())

    assert with_heads == without


async def test_a_head_is_read_once() -> None:
    """The second request with the same bytes has the very same head; its body is its own."""
    heads = Heads()
    await carried([POST + b"123456789"], heads)

    first = heads.find(POST + b"abcdefghi")
    second = heads.find(POST + b"ABCDEFGHI")
    assert first is not None
    assert second is not None
    assert first[0] is second[0]
    assert (first[1], second[1]) == (b"abcdefghi", b"ABCDEFGHI")


async def test_only_a_whole_request_is_known() -> None:
    """Less than its body, or more, is for the parser."""
    heads = Heads()
    await carried([POST + b"123456789"], heads)

    assert heads.find(POST) is None
    assert heads.find(POST + b"12345678") is None
    assert heads.find(POST + b"1234567890") is None


async def test_heads_are_forgotten() -> None:
    """With the configuration that let them in."""
    heads = Heads()
    await carried([GET], heads)
    heads.forget()

    assert heads.find(GET) is None


async def test_heads_do_not_pile_up() -> None:
    """However many an app has."""
    heads = Heads()
    await carried([GET.replace(b"/x", b"/%d" % number) for number in range(_MOST + 1)], heads)

    assert len(heads._known) <= _MOST
