"""Responses: what is known of the body, and that it is let go of."""

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncGenerator

import pytest

from outrider.errors import BrokenBody
from outrider.headers import serialize
from outrider.response import PEEK, Generated, Response, Whole, respond


async def pieces(*given: bytes | Exception) -> AsyncGenerator[bytes, None]:
    for one in given:
        if isinstance(one, Exception):
            raise one
        yield one


async def test_a_whole_body_is_given_once() -> None:
    """Taken or read, the next piece is the end."""
    body = Whole(b"abc")

    assert (body.length, body.take(), await body.read()) == (3, b"abc", b"")
    assert await Whole(b"abc").read() == b"abc"


def test_a_body_can_be_longer_than_what_is_here() -> None:
    """The answer to a HEAD says the length of what GET would give."""
    assert Whole(length=10).length == 10


async def test_a_generated_body_ends_with_its_generator() -> None:
    """Its length is never known before."""
    body = Generated(pieces(b"a", b"b"))

    assert (body.length, body.take()) == (None, None)
    assert [await body.read(), await body.read(), await body.read()] == [b"a", b"b", b""]


@pytest.mark.parametrize("error", [BrokenBody("gone"), RuntimeError("s3cret")])
async def test_a_generator_that_raises_breaks_the_body(error: Exception) -> None:
    """A truncated response must never look complete; what was raised is not repeated."""
    body = Generated(pieces(b"a", error))
    await body.read()

    with pytest.raises(BrokenBody) as caught:
        await body.read()

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("body", [Whole(b"a"), Generated(pieces(b"a"))], ids=["whole", "generated"])
def test_closing_twice_is_closing_once(body: Whole | Generated) -> None:
    """A layer that drops a response and the server that ends it do not disturb each other."""
    seen: list[str] = []
    response = Response(200, [], body)
    response.on_close(lambda: seen.append("closed"))

    response.close()
    response.close()

    assert seen == ["closed"]


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """What has come of it is passed on first, then the rest as it comes."""
    more = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes, None]:
        yield b"begin"
        await more.wait()
        yield b" end"

    response = Response(500, [], Piecewise(slow()))
    await response.peek(within_s=0.01)
    more.set()

    assert response.text == ""
    assert [await response.body.read() for _ in range(3)] == [b"begin", b" end", b""]


async def test_a_body_that_was_dropped_has_no_end() -> None:
    """Who reads on after a close is told that it broke off, not that it is complete."""
    body = Generated(pieces(b"a"))
    body.close()

    with pytest.raises(BrokenBody, match="the body was dropped"):
        await body.read()


class Piecewise:
    """A body whose reading can be cancelled, as that of a connection can."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self.length: int | None = None
        self._pieces = pieces
        self._next: asyncio.Future[bytes] | None = None

    def take(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._pieces, b""))
        piece = await asyncio.shield(self._next)
        self._next = None
        return piece

    def close(self) -> None:
        pass


class Held:
    """A body that counts how often it is closed; with an error, it raises that."""

    def __init__(self, error: Exception | None = None) -> None:
        self.length: int | None = None
        self.closed = 0
        self._error = error

    def take(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        return b""

    def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def test_a_callback_that_raises_is_named_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    """The body is closed and every layer lets go of what it holds, whatever one of them does."""
    seen: list[str] = []
    response = Response(200, [], body := Held())
    response.on_close(lambda: seen.append("first"))
    response.on_close(lambda: [][0])
    response.on_close(lambda: seen.append("last"))

    with caplog.at_level(logging.ERROR, "outrider"):
        response.close()

    assert (seen, body.closed) == (["first", "last"], 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"plugin '{__name__}': its on_close callback raised"
    ]
    assert caplog.records[0].exc_info is not None


def test_a_body_that_cannot_be_closed_keeps_no_callback_from_running() -> None:
    """A layer's slot is free again even then."""
    seen: list[str] = []
    response = Response(200, [], Held(OSError("gone")))
    response.on_close(lambda: seen.append("told"))

    with pytest.raises(OSError, match="gone"):
        response.close()

    assert seen == ["told"]


@pytest.mark.parametrize(
    ("body", "fields", "data"),
    [
        (b"raw", b"Content-Type: application/octet-stream\r\n", b"raw"),
        ("text\u20ac", b"Content-Type: text/plain; charset=utf-8\r\n", b"text\xe2\x82\xac"),
        ({"a": [1]}, b"Content-Type: application/json\r\n", b'{"a": [1]}'),
        (b"", b"", b""),
    ],
)
async def test_respond_knows_what_it_is_given(body: object, fields: bytes, data: bytes) -> None:
    """Bytes stay bytes, text is UTF-8, anything else is JSON."""
    response = respond(200, body)

    assert (serialize(response.headers), await response.body.read()) == (fields, data)


def test_respond_keeps_the_content_type_it_is_given() -> None:
    """A plugin knows better than a guess."""
    response = respond(418, {"a": 1}, [("content-type", "application/vnd.acme+json"), ("X-A", "1")])

    assert serialize(response.headers) == b"content-type: application/vnd.acme+json\r\nX-A: 1\r\n"
    assert repr(response) == "<Response 418 made here>"
    assert repr(Response(204, [], Whole())) == "<Response 204>"


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_the_text_of_a_compressed_body_is_readable(coding: str) -> None:
    """As much of it as is ever read: a small bomb makes no large text."""
    data = b"spent" + b"0" * 10_000_000
    packed = zlib.compress(data) if coding == "deflate" else gzip.compress(data)
    response = Response(429, [(b"Content-Encoding", coding.encode())], Whole(packed))

    assert response.text.startswith("spent")
    assert len(response.text) == PEEK


def test_a_body_that_only_says_it_is_compressed_has_no_text() -> None:
    """Nothing is raised: the response is passed on as it came."""
    assert Response(429, [(b"Content-Encoding", b"gzip")], Whole(b"spent")).text == ""
    assert Response(429, [(b"Content-Encoding", b"br")], Whole(b"spent")).text == ""


@pytest.mark.parametrize("status", [99, 100, 199, 600, 1000])
def test_a_response_has_a_final_status(status: int) -> None:
    """What is none is the plugin's mistake, found where it is made."""
    with pytest.raises(ValueError, match="a response has a status from 200 to 599"):
        respond(status)
