"""Bodies that turn out malformed, end early, or look like requests."""

import pytest

from end_to_end.cases import (
    Refused,
    bytes_of,
    chunked,
    get,
    ids_of,
    post,
    say_target,
    statuses_of,
)
from end_to_end.raw import Ending, Wire, assert_outriders_own
from outrider.testing import FakeProvider, Sidecar

# fmt: off
# A body that turns out malformed: its head may be at the provider already, but never the whole.
BROKEN_BODIES = [
    Refused("trailer-length", chunked(b"5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n"), 400, "too late"),
    Refused("chunk-no-size", chunked(b"\r\nhello\r\n0\r\n\r\n"), 400, "a chunk has a size"),
    Refused("chunk-word", chunked(b"xyz\r\nhello\r\n0\r\n\r\n"), 400, "a size is hexadecimal"),
    Refused("chunk-0x", chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400, "a size is hexadecimal digits only"),
    Refused("chunk-minus", chunked(b"-5\r\nhello\r\n0\r\n\r\n"), 400,
            "a size is digits only; int() takes it"),
    Refused("chunk-plus", chunked(b"+5\r\nhello\r\n0\r\n\r\n"), 400, "a size is digits only; int() takes it"),
    Refused("chunk-underscore", chunked(b"0_5\r\nhello\r\n0\r\n\r\n"), 400, "digits only; int() takes it"),
    Refused("chunk-space-before", chunked(b" 5\r\nhello\r\n0\r\n\r\n"), 400, "a size begins the line"),
    Refused("chunk-space-after", chunked(b"5 \r\nhello\r\n0\r\n\r\n"), 400, "strict about the end of a size"),
    Refused("chunk-overflow", chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), (400, 413),
            "5 modulo 2**64"),
    Refused("chunk-too-short", chunked(b"6\r\nhello\r\n0\r\n\r\n"), 400, "the data ends elsewhere"),
    Refused("chunk-too-long", chunked(b"4\r\nhello\r\n0\r\n\r\n"), 400, "no CRLF after the data"),
    Refused("chunk-no-crlf", chunked(b"5\r\nhello0\r\n\r\n"), 400, "no CRLF after the data"),
    Refused("chunk-lf", chunked(b"5\nhello\n0\n\n"), 400, "lines end with CRLF"),
    Refused("chunk-lf-after", chunked(b"5\r\nhello\n0\r\n\r\n"), 400, "lines end with CRLF"),
    Refused("chunk-extension-lf", chunked(b"5;a\nhello\r\n0\r\n\r\n"), 400,
            "an extension hides a line (CVE-2025-69224)"),
    Refused("chunk-extension-cr", chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), 400, "a bare CR in an extension"),
    Refused("trailer-nul", chunked(b"5\r\nhello\r\n0\r\nX: \x00\r\n\r\n"), 400, "trailers are fields"),
    Refused("trailer-no-colon", chunked(b"5\r\nhello\r\n0\r\nnot a field\r\n\r\n"), 400,
            "trailers are fields"),
    Refused("trailers-101", chunked(b"5\r\nhello\r\n0\r\n" + b"X: 1\r\n" * 101 + b"\r\n"), (400, 431),
            "trailers count as fields"),
    Refused("trailer-17k", chunked(b"5\r\nhello\r\n0\r\nX: " + b"a" * 17_000 + b"\r\n\r\n"), (400, 431),
            "a field, too"),
]
# fmt: on


@pytest.mark.parametrize("row", BROKEN_BODIES, ids=ids_of(BROKEN_BODIES))
def test_a_malformed_body_never_arrives_whole(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """Where a body turns out malformed, no provider ever takes the request for complete."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent, sidecar) + bytes_of(get(b"/stripe/smuggled"), sidecar))
        answer = wire.answer()
        after, ending = wire.rest()

    assert answer.status in statuses_of(row), (answer.status, row.reason)
    assert_outriders_own(answer)
    assert (after, ending) in [(b"", Ending.CLEAN), (b"", Ending.RESET)], row.reason
    assert not [request for request in provider.requests if request.complete], row.reason


def test_a_body_is_not_answered(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A request inside a body is part of that body: one answer, and one request at the provider."""
    inner = bytes_of(get(b"/stripe/smuggled"), sidecar)
    provider.handler = say_target
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(post(b"Content-Length: %d" % len(inner), body=inner), sidecar))
        first = wire.answer()
        wire.send(bytes_of(get(b"/stripe/next", b"Connection: close"), sidecar))
        second = wire.answer()
        after, ending = wire.rest()

    assert [first.body, second.body] == [b"/v1/x", b"/next"]
    assert (after, ending) == (b"", Ending.CLEAN)
    assert [request.target for request in provider.requests] == ["/v1/x", "/next"]


def test_the_body_of_a_refused_request_is_not_answered(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The body of a request that the gate refused is not taken for the next request."""
    inner = bytes_of(get(b"/stripe/smuggled"), sidecar)
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(post(b"Origin: null", b"Content-Length: %d" % len(inner)), sidecar), inner)
        wire.send(bytes_of(get(b"/stripe/next", b"Connection: close"), sidecar))
        answer = wire.answer()
        wire.rest()

    assert answer.status == 403
    assert [request.target for request in provider.requests] in ([], ["/next"])


def test_a_bad_chunk_after_a_good_one(sidecar: Sidecar, provider: FakeProvider) -> None:
    """An upload that turns out malformed on its way ends broken at the provider, and as a 400."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(chunked(b"5\r\nhello\r\n"), sidecar))
        provider.until(lambda: bool(provider.requests) and provider.requests[0].size == 5)
        wire.send(b"xyz\r\n")
        provider.until(lambda: provider.is_closed(provider.requests[0].connection))
        answer = wire.answer()
        after, ending = wire.rest()

    assert answer.status == 400
    assert_outriders_own(answer)
    assert (after, ending) == (b"", Ending.CLEAN)
    assert not provider.requests[0].complete


@pytest.mark.parametrize("framing", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
def test_an_upload_that_ends_early_is_never_complete(
    sidecar: Sidecar, provider: FakeProvider, framing: bytes
) -> None:
    """An app that closes in the middle of its body leaves an incomplete request, whatever the framing."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(post(framing), sidecar), b"4\r\nabcd")
        provider.until(lambda: bool(provider.requests) and provider.requests[0].size > 0)
        wire.end_sending()
        provider.until(lambda: provider.is_closed(provider.requests[0].connection))

    assert not provider.requests[0].complete


def test_a_continue_is_sent_to_who_waits_for_it(sidecar: Sidecar, provider: FakeProvider) -> None:
    """An accepted upload that expects a 100 gets it, and only then the body comes."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(post(b"Expect: 100-continue", b"Content-Length: 5"), sidecar))
        interim = wire.interim()
        wire.send(b"hello")
        answer = wire.answer()

    assert (interim, answer.status) == (100, 200)
    assert provider.requests[0].body == b"hello"
