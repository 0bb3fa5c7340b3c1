"""One connection to a provider: what is left in its parser when an answer has ended."""

import asyncio

import pytest

from outrider.transport.deadlines import Deadlines
from outrider.transport.protocol import Protocol

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Unread chunks at which aiohttp has the parser pause, with the buffer that is used here.
MANY = 4096


class Wire(asyncio.Transport):
    """A connection that takes everything."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The request."""

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing comes but what the test says."""

    resume_reading = pause_reading


async def answered(protocol: Protocol, data: bytes) -> bytes:
    """Let an answer come in one piece; give what of its body is here then."""
    head = protocol.begin(head_only=False)
    protocol.data_received(data)
    came = await head
    assert isinstance(came, tuple)
    body = came[1].read_nowait()
    assert came[1].is_eof()
    protocol.end()
    return body


@pytest.mark.parametrize("chunks", [1, MANY, MANY + 1])
async def test_a_pause_at_the_end_of_a_body_is_not_made_in_the_next(chunks: int) -> None:
    """Two answers, each whole in one piece: neither waits for more to come."""
    loop = asyncio.get_running_loop()
    protocol = Protocol(loop, Deadlines(loop))
    protocol.connection_made(Wire())

    first = await answered(protocol, CHUNKED + b"1\r\na\r\n" * chunks + b"0\r\n\r\n")
    second = await answered(protocol, CHUNKED + b"2\r\nok\r\n0\r\n\r\n")

    assert (first, second) == (b"a" * chunks, b"ok")
    assert protocol.clean


async def test_the_trailers_of_an_answer_are_not_fields_of_the_next() -> None:
    """They are dropped: a cookie that one caller was to get is not given to another."""
    loop = asyncio.get_running_loop()
    protocol = Protocol(loop, Deadlines(loop))
    protocol.connection_made(Wire())

    await answered(protocol, CHUNKED + b"1\r\na\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n\r\n")
    head = protocol.begin(head_only=False)
    protocol.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    came = await head

    assert isinstance(came, tuple)
    assert came[0].raw_headers == ((b"Content-Length", b"0"),)
