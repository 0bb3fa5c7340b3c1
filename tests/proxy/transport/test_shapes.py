"""Responses of known names: what is read of them is what the parser reads."""

import asyncio
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from outrider.response import PEEK, Response, Whole
from outrider.transport.deadlines import Deadlines
from outrider.transport.protocol import Protocol
from outrider.transport.shapes import Shapes

LINES = (
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 200",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 No Content",
)
NAMES = (
    b"Date",
    b"date",
    b"Content-Length",
    b"Connection",
    b"X-A",
    b"x-a",
    b"Location",
    b"Transfer-Encoding",
)
VALUES = (
    b"5",
    b"05",
    b"+5",
    b"0",
    b"keep-alive",
    b"close",
    b"chunked",
    b"a: b",
    b" a ",
    b"\ta",
    b"",
    b"a\rb",
    b"a\nX-A: b",
    b"a\r\n X-A: b",
    b"a\x00b",
    b"\x7f",
    b"\xe9",
    b"X-A: 1\r\nX-A",
)
BODIES = (b"", b"12345", b"1234", b"123456", b"5\r\n12345\r\n0\r\n\r\n", b"12345HTTP/1.1 200 OK\r\n\r\n")

PLAIN = ((b"Date", b": ", b"today"), (b"X-A", b": ", b"1"), (b"Content-Length", b": ", b"5"))
fields = st.tuples(
    st.sampled_from(NAMES), st.sampled_from((b": ", b":", b" : ", b"", b":  ")), st.sampled_from(VALUES)
)
heads = st.one_of(
    st.lists(fields, max_size=5),
    # Near to what is plain, with one thing changed.
    st.tuples(st.integers(0, 2), fields).map(lambda at: [*PLAIN[: at[0]], at[1], *PLAIN[at[0] + 1 :]]),
    st.tuples(st.integers(0, 2), st.sampled_from(VALUES)).map(
        lambda at: [(name, colon, at[1] if i == at[0] else value) for i, (name, colon, value) in enumerate(PLAIN)]
    ),
)  # fmt: skip


def written(line: bytes, of: list[tuple[bytes, bytes, bytes]], body: bytes) -> bytes:
    return b"\r\n".join([line, *(b"".join(each) for each in of), b"", body])


def parsed(data: bytes) -> tuple[Any, bytes] | None:
    """Give what aiohttp's parser reads of a whole response; None where it is not one."""

    async def read() -> tuple[Any, bytes] | None:
        loop = asyncio.get_running_loop()
        protocol = Protocol(loop, Deadlines(loop))
        waiter = protocol.begin(head_only=False)
        protocol.data_received(data)
        if not waiter.done() or waiter.exception() is not None:
            return None
        came = waiter.result()
        assert isinstance(came, tuple)
        message, payload = came
        if not payload.is_eof() or payload.exception() is not None or protocol.should_close:
            return None
        return message, payload.read_nowait()

    return asyncio.run(read())


def known(*samples: bytes) -> Shapes:
    shapes = Shapes(frozenset((b"transfer-encoding", b"location")))
    for sample in samples:
        read = parsed(sample)
        if read is not None:
            shapes.remember(read[0].raw_headers)
    return shapes


@settings(deadline=None, max_examples=600)
@given(st.lists(heads, max_size=3), st.sampled_from(LINES), heads, st.sampled_from(BODIES))
@example([list(PLAIN)], LINES[0], list(PLAIN), b"12345")
@example([list(PLAIN)], LINES[0], [PLAIN[0], (b"X-A: 1\r\nX-A", b": ", b"2"), PLAIN[2]], b"12345")
def test_a_known_response_means_what_the_parser_says(
    before: list[Any], line: bytes, of: list[Any], body: bytes
) -> None:
    """Or it is left to the parser."""
    samples = [written(LINES[0], each, b"12345") for each in (list(PLAIN), *before)]
    data = written(line, of, body)
    response = known(*samples).read(data)

    if response is not None:
        read = parsed(data)
        assert read is not None
        message, whole = read
        assert (response.status, response.body.take()) == (message.code, whole)
        passed = [
            pair for pair in message.raw_headers if pair[0].lower() not in (b"content-length", b"connection")
        ]
        assert response.fields == passed


def test_a_response_is_read_by_its_names() -> None:
    """The second one of its kind needs no parser."""
    data = written(LINES[0], list(PLAIN), b"12345")
    shapes = known(data)
    response = shapes.read(data.replace(b"today", b"tomorrow").replace(b"12345", b"67890"))

    assert isinstance(response, Response)
    assert response.fields == [(b"Date", b"tomorrow"), (b"X-A", b"1")]
    assert isinstance(response.body, Whole)
    assert response.body.data == b"67890"


def test_a_long_response_streams() -> None:
    """What is longer than `peek` reads is not taken whole."""
    body = b"x" * PEEK
    data = written(LINES[0], [*PLAIN[:2], (b"Content-Length", b": ", b"%d" % PEEK)], body)

    assert known(data).read(data) is None
