"""What providers answer that they should not: a 502 and a closed connection, or a broken one, never rubbish."""

import pytest

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step

OK = b"HTTP/1.1 200 OK\r\n"

# fmt: off
REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "closed before it answered"),
    ("garbage", b"rubbish\r\n\r\n", "no status line"),
    ("http-0.9", b"hello", "no head at all"),
    ("tls", b"\x16\x03\x01\x00\x05hello", "another protocol"),
    ("http-2", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "a version that is not spoken"),
    ("http-1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "a version that is not spoken"),
    ("lower-case", b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP is case-sensitive"),
    ("status-000", b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n", "no such class"),
    ("status-099", b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n", "no such class"),
    ("status-600", b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", "no such class"),
    ("status-999", b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", "no such class"),
    ("status-abc", b"HTTP/1.1 abc X\r\nContent-Length: 0\r\n\r\n", "not a number"),
    ("status-20", b"HTTP/1.1 20 X\r\nContent-Length: 0\r\n\r\n", "three digits"),
    ("status-2000", b"HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n", "three digits"),
    ("status-101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "nobody asked"),
    ("nul-value", OK + b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n", "a control character"),
    ("bell-value", OK + b"X-A: a\x07b\r\nContent-Length: 0\r\n\r\n", "a control character"),
    ("escape-value", OK + b"X-A: \x1b[2J\r\nContent-Length: 0\r\n\r\n", "a terminal's control sequence"),
    ("del-value", OK + b"X-A: a\x7fb\r\nContent-Length: 0\r\n\r\n", "a control character"),
    ("cr-value", OK + b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n", "a bare CR splits for some"),
    ("name-space", OK + b"X A: 1\r\nContent-Length: 0\r\n\r\n", "a name is a token"),
    ("name-empty", OK + b": 1\r\nContent-Length: 0\r\n\r\n", "a name has a letter"),
    ("name-nul", OK + b"X\x00: 1\r\nContent-Length: 0\r\n\r\n", "a name is a token"),
    ("name-colon", OK + b"X-A : 1\r\nContent-Length: 0\r\n\r\n", "a name ends at its colon"),
    ("te-colon", OK + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "a name ends at its colon"),
    ("cl-colon", OK + b"Content-Length : 5\r\n\r\nhello", "a name ends at its colon"),
    ("connection-colon", OK + b"Connection : close\r\nContent-Length: 0\r\n\r\n", "a name ends at its colon"),
    ("upgrade-colon", OK + b"Upgrade : h2\r\nContent-Length: 0\r\n\r\n", "a name ends at its colon"),
    ("no-colon", OK + b"X-A\r\nContent-Length: 0\r\n\r\n", "a field has a colon"),
    ("cl-and-te", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "two lengths"),
    ("te-and-cl", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "two lengths"),
    ("cl-two", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "two lengths"),
    ("cl-same", OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "one length, once"),
    ("cl-list", OK + b"Content-Length: 5, 6\r\n\r\nhello!", "two lengths"),
    ("cl-negative", OK + b"Content-Length: -5\r\n\r\nhello", "not a length"),
    ("cl-plus", OK + b"Content-Length: +5\r\n\r\nhello", "not a length"),
    ("cl-hex", OK + b"Content-Length: 0x5\r\n\r\nhello", "not a length"),
    ("cl-empty", OK + b"Content-Length: \r\n\r\nhello", "not a length"),
    ("cl-words", OK + b"Content-Length: five\r\n\r\nhello", "not a length"),
    ("cl-overflow", OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello", "more than can be counted"),
    ("te-gzip", OK + b"Transfer-Encoding: gzip\r\n\r\nhello", "a coding that is not undone here"),
    ("te-identity", OK + b"Transfer-Encoding: identity\r\n\r\nhello", "a coding that is no more"),
    ("te-xchunked", OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "not chunked"),
    ("te-gzip-chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "a coding that is not undone here"),
    ("te-twice", OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunked twice"),
    ("te-1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "1.0 has no chunks"),
    ("field-40k", OK + b"X: " + b"a" * 40_000 + b"\r\nContent-Length: 0\r\n\r\n", "a field has at most 32 KiB"),
    ("fields-300", OK + b"X: 1\r\n" * 300 + b"Content-Length: 0\r\n\r\n", "at most 256 fields"),
    ("half-a-head", OK + b"Content-Le", "closed within the head"),
    ("only-interim", b"HTTP/1.1 100 Continue\r\n\r\n", "no final response"),
]

BROKEN: list[tuple[str, bytes, str]] = [
    ("cl-short", OK + b"Content-Length: 100\r\n\r\nhello", "the length is not reached"),
    ("cl-none", OK + b"Content-Length: 100\r\n\r\n", "nothing of the body"),
    ("chunk-short", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "within a chunk"),
    ("chunk-last", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "no last chunk"),
    ("chunk-end", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "no end after the last chunk"),
]

PASSED: list[tuple[str, bytes, int, bytes, str]] = [
    ("plain", OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", "as it should be"),
    ("chunked", OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", 200, b"hello", "extensions, trailers"),
    ("until-close", OK + b"\r\nhello", 200, b"hello", "the end of the connection is the end"),
    ("http-1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", "an old server"),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", "no body"),
    ("304", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 100\r\n\r\n", 304, b"", "no body, whatever it says"),
    ("299", b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok", 299, b"ok", "a status nobody knows"),
    ("599", b"HTTP/1.1 599 Odd\r\nContent-Length: 2\r\n\r\nok", 599, b"ok", "a status nobody knows"),
    ("100-first", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", "interim, then final"),
    ("103-first", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", "interim, then final"),
    ("no-reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", "a reason is optional"),
    ("obs-text", OK + b"X-A: \xe4\xff\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", "bytes of another time"),
    ("empty-value", OK + b"X-A:\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", "a value can be empty"),
]
# fmt: on


def _get(sidecar: Sidecar, method: str = "GET") -> bytes:
    return f"{method} /stripe/v1/x HTTP/1.1\r\nHost: 127.0.0.1:{sidecar.port}\r\n\r\n".encode()


@pytest.mark.parametrize(("sent", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_rubbish_is_a_502(sidecar: Sidecar, provider: FakeProvider, sent: bytes, reason: str) -> None:
    """And the provider's connection is not used again."""
    provider.raw(sent, Step.CLOSE)
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        answer = wire.answer()
        wire.send(_get(sidecar))
        after = wire.answer()

    assert answer.status == 502, reason
    assert (answer.header("Proxy-Status") or "").startswith("outrider; error=")
    assert after.status == 200
    assert provider.requests[0].connection != provider.requests[1].connection


@pytest.mark.parametrize(("sent", "reason"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_is_cut_off_is_never_complete(
    sidecar: Sidecar, provider: FakeProvider, sent: bytes, reason: str
) -> None:
    """The app's connection breaks."""
    provider.raw(sent, Step.CLOSE)
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        answer = wire.answer()

    assert (answer.status, answer.complete) == (200, False), reason


@pytest.mark.parametrize(
    ("sent", "status", "body", "reason"), [row[1:] for row in PASSED], ids=[row[0] for row in PASSED]
)
def test_what_is_odd_and_right_passes(
    sidecar: Sidecar, provider: FakeProvider, sent: bytes, status: int, body: bytes, reason: str
) -> None:
    """Status and body are the provider's."""
    provider.raw(sent, Step.CLOSE)
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        answer = wire.answer()

    assert (answer.status, answer.body, answer.complete) == (status, body, True), reason


def test_hop_by_hop_and_our_own_fields_end_here(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Also those that Connection names; cookies and everything else stay, in order."""
    provider.raw(
        OK
        + b"Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nOutrider-Id: fake\r\nX-Outrider-Y: 1\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    )
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        answer = wire.answer()

    assert [answer.values(name) for name in ("X-Hop", "Keep-Alive", "X-Outrider-Y")] == [[], [], []]
    assert answer.header("Outrider-Id") != "fake"
    assert answer.values("Set-Cookie") == ["a=1", "b=2"]


def test_a_head_request_has_no_body(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Its length is passed on, and the next answer is its own."""
    provider.raw(OK + b"Content-Length: 5\r\n\r\n")
    provider.raw(OK + b"Content-Length: 2\r\n\r\nok")
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar, "HEAD"))
        first = wire.answer("HEAD")
        wire.send(_get(sidecar))
        second = wire.answer()

    assert (first.header("Content-Length"), first.body) == ("5", b"")
    assert second.body == b"ok"


@pytest.mark.parametrize(
    "surplus", [b"x", OK + b"Content-Length: 4\r\n\r\nevil", b"HTTP/1.1 200 OK\r\nContent-Le"]
)
def test_surplus_reaches_nobody(sidecar: Sidecar, provider: FakeProvider, surplus: bytes) -> None:
    """Bytes after a response are not the next one's: it comes on another connection."""
    provider.raw(OK + b"Content-Length: 2\r\n\r\nok", Step.WAIT, surplus, Step.WAIT)
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        first = wire.answer()
        provider.release()
        provider.until(lambda: provider.is_closed(provider.requests[0].connection))
        wire.send(_get(sidecar))
        second = wire.answer()

    assert (first.body, second.status) == (b"ok", 200)
    assert second.body != b"evil"
    assert provider.requests[1].connection != provider.requests[0].connection


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Evil: "])
@pytest.mark.parametrize(
    "body", [b"Content-Length: 2\r\n\r\nok", b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"]
)
def test_a_head_begun_in_the_last_piece_reaches_nobody(
    sidecar: Sidecar, provider: FakeProvider, body: bytes, surplus: bytes
) -> None:
    """The parser holds it by then; the next answer comes on another connection. Known names or new ones."""
    for _ in range(3):
        provider.raw(OK + b"Date: today\r\n" + body + surplus)
    answers = []
    with Wire(sidecar.port) as wire:
        for _ in range(3):
            wire.send(_get(sidecar))
            answers.append(wire.answer())

    assert [(answer.body, answer.header("X-Evil")) for answer in answers] == [(b"ok", None)] * 3
    assert len({request.connection for request in provider.requests}) == 3
