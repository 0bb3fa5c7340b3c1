"""Heads that are malformed or too large: answered as such, once, and nothing after them is read."""

import pytest

from end_to_end.cases import (
    PATH,
    Refused,
    bytes_of,
    fields,
    get,
    ids_of,
    line,
    post,
    statuses_of,
)
from end_to_end.raw import Ending, Wire, assert_outriders_own
from outrider.testing import FakeProvider, Sidecar

# fmt: off
# Where what is refused could have been read in two ways, the connection cannot be trusted any further.
CLOSING = [
    Refused("no-version", b"GET /stripe/v1/x\r\n\r\n", 400, "HTTP/0.9 has no Host and no framing"),
    Refused("http-0.9", line(b"GET /stripe/v1/x HTTP/0.9"), 400, "0.9 has no version in its request line"),
    Refused("http-1.2", line(b"GET /stripe/v1/x HTTP/1.2"), 400, "only 1.0 and 1.1 are spoken"),
    Refused("http-2.0", line(b"GET /stripe/v1/x HTTP/2.0"), 400,
            "HTTP/2 is not text; aiohttp lets it through"),
    Refused("http-3", line(b"GET /stripe/v1/x HTTP/3"), 400, "a version has two digits"),
    Refused("http-1.10", line(b"GET /stripe/v1/x HTTP/1.10"), 400, "a minor version is one digit"),
    Refused("http-01.1", line(b"GET /stripe/v1/x HTTP/01.1"), 400, "a major version is one digit"),
    Refused("http-lower", line(b"GET /stripe/v1/x http/1.1"), 400, "HTTP is case-sensitive (RFC 9112 2.3)"),
    Refused("http-mixed", line(b"GET /stripe/v1/x Http/1.1"), 400, "HTTP is case-sensitive"),
    Refused("other-protocol", line(b"GET /stripe/v1/x SPDY/1.1"), 400, "another protocol"),
    Refused("rtsp", line(b"OPTIONS /stripe/v1/x RTSP/1.0"), 400, "another protocol, known to llhttp"),
    Refused("icecast", line(b"SOURCE /stripe/v1/x ICE/1.0"), (400, 501), "another protocol, known too"),
    Refused("no-target", line(b"GET HTTP/1.1"), 400, "a request line has three parts"),
    Refused("no-target-2", line(b"GET  HTTP/1.1"), 400, "the target is empty"),
    Refused("tabs", line(b"GET\t/stripe/v1/x\tHTTP/1.1"), 400, "parts are divided by one space"),
    Refused("tab-in-target", line(b"GET /stripe/v1\t/x HTTP/1.1"), 400, "a control character in the target"),
    Refused("space-in-target", line(b"GET /stripe/v1 /x HTTP/1.1"), 400, "a fourth part"),
    Refused("trailing-words", line(b"GET /stripe/v1/x HTTP/1.1 x"), 400, "a fourth part"),
    Refused("bare-lf", b"GET /stripe/v1/x HTTP/1.1\nHost: {host}\n\n", 400,
            "lines end with CRLF; proxies differ"),
    Refused("bare-lf-first", b"GET /stripe/v1/x HTTP/1.1\nHost: {host}\r\n\r\n", 400, "lines end with CRLF"),
    Refused("bare-lf-field", b"GET /stripe/v1/x HTTP/1.1\r\nA: 1\nHost: {host}\r\n\r\n", 400,
            "one field or two?"),
    Refused("bare-lf-end", b"GET /stripe/v1/x HTTP/1.1\r\nHost: {host}\r\n\n", 400,
            "the head ends with CRLF"),
    Refused("bare-cr", b"GET /stripe/v1/x HTTP/1.1\rHost: {host}\r\r", 400, "a bare CR ends no line"),
    Refused("garbage", b"\x00\x01\x02\x03 rubbish\r\n\r\n", (400, 501), "not HTTP"),
    Refused("leading-garbage", b"xx\x7f" + fields(), (400, 501), "something before the method"),
    Refused("leading-space", b" " + fields(), (400, 501), "something before the method"),
    Refused("tls-hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", (400, 501),
            "TLS on a plain port"),
    Refused("h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 501), "HTTP/2 with prior knowledge"),
    Refused("nul-in-target", get(b"/stripe/v1/\x00"), 400, "a control character in the target"),
    Refused("bell-in-target", get(b"/stripe/v1/\x07"), 400, "a control character in the target"),
    Refused("escape-in-target", get(b"/stripe/v1/\x1b[2J"), 400, "it would reach a terminal through a log"),
    Refused("del-in-target", get(b"/stripe/v1/\x7f"), 400, "DEL is a control character"),
    Refused("cl-and-te", post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400,
            "CL.TE"),
    Refused("te-and-cl", post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), 400,
            "TE.CL"),
    Refused("te-gzip", post(b"Transfer-Encoding: gzip"), (400, 501),
            "chunked is not last (RFC 9112 6.3: 400)"),
    Refused("te-gzip-chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501,
            "not understood"),
    Refused("te-identity", post(b"Transfer-Encoding: identity"), (400, 501), "not a coding any more"),
    Refused("te-xchunked", post(b"Transfer-Encoding: xchunked"), (400, 501), "a suffix is not the name"),
    Refused("te-chunkedx", post(b"Transfer-Encoding: chunkedx"), (400, 501), "a prefix is not the name"),
    Refused("te-x-chunked", post(b"Transfer-Encoding: x, chunked", body=b"0\r\n\r\n"), 501, "not understood"),
    Refused("te-chunked-gzip", post(b"Transfer-Encoding: chunked, gzip"), (400, 501), "chunked is not last"),
    Refused("te-chunked-twice", post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), (400, 501),
            "once"),
    Refused("te-two-fields",
            post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), (400, 501),
            "a list of two"),
    Refused("te-second-identity",
            post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
            (400, 501), "whichever field wins elsewhere"),
    Refused("te-empty", post(b"Transfer-Encoding:"), (400, 501), "no coding is not chunked"),
    Refused("te-comma", post(b"Transfer-Encoding: ,chunked", body=b"0\r\n\r\n"), (400, 501),
            "exactly chunked"),
    Refused("te-quoted", post(b'Transfer-Encoding: "chunked"'), (400, 501), "a coding is a token"),
    Refused("te-parameter", post(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n"), (400, 501),
            "exactly chunked"),
    Refused("te-vertical-tab", post(b"Transfer-Encoding: \x0bchunked"), 400, "VT is no space"),
    Refused("te-space-colon", post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), 400,
            "hidden from some"),
    Refused("te-folded", post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"), 400, "hidden in a fold"),
    Refused("te-http-1.0",
            b"POST /stripe/v1/x HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            "1.0 has no transfer codings (RFC 9112 6.1)"),
    Refused("cl-differ", post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"), 400,
            "where does it end?"),
    Refused("cl-same", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), 400,
            "one length, once"),
    Refused("cl-list", post(b"Content-Length: 5,5", body=b"hello"), 400, "one length, once"),
    Refused("cl-list-differ", post(b"Content-Length: 5, 6", body=b"hello"), 400, "where does it end?"),
    Refused("cl-plus", post(b"Content-Length: +5", body=b"hello"), 400, "digits only; int() takes it"),
    Refused("cl-minus", post(b"Content-Length: -5", body=b"hello"), 400, "digits only"),
    Refused("cl-hex", post(b"Content-Length: 0x5", body=b"hello"), 400, "digits only"),
    Refused("cl-space", post(b"Content-Length: 5 5", body=b"hello"), 400, "digits only"),
    Refused("cl-empty", post(b"Content-Length:", body=b"hello"), 400, "no length (CVE-2023-40225)"),
    Refused("cl-point", post(b"Content-Length: 5.0", body=b"hello"), 400, "digits only"),
    Refused("cl-exponent", post(b"Content-Length: 1e1", body=b"0123456789"), 400, "digits only"),
    Refused("cl-underscore", post(b"Content-Length: 1_0", body=b"0123456789"), 400,
            "digits only; int() takes it"),
    Refused("cl-arabic", post("Content-Length: \u0665".encode(), body=b"hello"), 400,
            "ASCII digits; int() takes it"),
    Refused("cl-word", post(b"Content-Length: five", body=b"hello"), 400, "digits only"),
    Refused("cl-overflow", post(b"Content-Length: 18446744073709551621", body=b"hello"), 400,
            "5 modulo 2**64"),
    Refused("cl-vast", post(b"Content-Length: " + b"9" * 400), (400, 413), "no integer holds it"),
    Refused("cl-too-large", post(b"Content-Length: 9999999999999"), 413, "ten terabytes, over every cap"),
    Refused("no-colon", fields(b"no colon here"), 400, "a field has a colon"),
    Refused("name-space", fields(b"X Y: 1"), 400, "a name is a token"),
    Refused("name-space-colon", fields(b"X-Y : 1"), 400, "a space before the colon (RFC 9112 5.1)"),
    Refused("name-tab-colon", fields(b"X-Y\t: 1"), 400, "a tab before the colon"),
    Refused("name-paren", fields(b"X(Y): 1"), 400, "a name is a token"),
    Refused("name-at", fields(b"X@Y: 1"), 400, "a name is a token"),
    Refused("name-empty", fields(b": 1"), 400, "a name is not empty (CVE-2023-25725)"),
    Refused("name-nul", fields(b"X\x00Y: 1"), 400, "a name is a token"),
    Refused("name-non-ascii", fields(b"X-\xe9: 1"), 400, "a name is a token"),
    Refused("name-quoted", fields(b'"Host": a'), 400, "a name is a token"),
    Refused("first-field-space", b"GET /stripe/v1/x HTTP/1.1\r\n Host: {host}\r\n\r\n", 400,
            "space before a field"),
    Refused("obs-fold", fields(b"X-A: 1\r\n 2"), 400, "folding is obsolete, and smuggles"),
    Refused("obs-fold-tab", fields(b"X-A: 1\r\n\t2"), 400, "folding is obsolete, and smuggles"),
    Refused("value-nul", fields(b"X-A: 1\x002"), 400, "a control character in a value"),
    Refused("value-cr", fields(b"X-A: 1\rX-B: 2"), 400, "a bare CR in a value"),
    Refused("value-lf", fields(b"X-A: 1\nX-B: 2"), 400, "a bare LF in a value"),
    Refused("value-bell", fields(b"X-A: \x07"), 400, "a control character in a value"),
    Refused("value-escape", fields(b"X-A: \x1b[2J"), 400, "a control character in a value"),
    Refused("value-del", fields(b"X-A: \x7f"), 400, "a control character in a value"),
    Refused("host-missing", b"GET /stripe/v1/x HTTP/1.1\r\n\r\n", 400, "1.1 needs a Host (RFC 9112 3.2)"),
    Refused("host-twice", fields(b"Host: {host}"), 400, "one Host, once"),
    Refused("host-two", fields(b"Host: evil.example"), 400, "one Host, once"),
    Refused("host-two-first", get(PATH, b"Host: {host}", host=b"evil.example"), 400, "one Host, once"),
    Refused("target-17k", get(PATH + b"a" * 17_000), 414, "a line has at most 16 KiB"),
    Refused("target-30k", get(PATH + b"?q=" + b"a" * 30_000), 414,
            "a line has at most 16 KiB, the query too"),
    Refused("field-17k", fields(b"X-A: " + b"a" * 17_000), 431, "a field has at most 16 KiB"),
    Refused("name-17k", fields(b"X" * 17_000 + b": 1"), 431, "a name counts, too"),
    Refused("head-36k", fields(*(b"X-%d: %b" % (n, b"a" * 12_000) for n in range(3))), 431, "32 KiB in all"),
    Refused("head-36k-small", fields(*(b"X-%d: %b" % (n, b"a" * 390) for n in range(92))), 431,
            "32 KiB in all"),
    Refused("fields-101", fields(*(b"X-%d: 1" % n for n in range(100))), 431, "at most 100 fields"),
    Refused("fields-500", fields(*(b"X: 1" for _ in range(500))), 431, "at most 100 fields, of one name too"),
]

# Refused before it ends: nobody waits for the rest of what is too long already.
ENDLESS = [
    Refused("target", b"GET " + PATH + b"a" * 20_000, 414, "a line has at most 16 KiB"),
    Refused("method", b"A" * 20_000, (400, 414, 501), "a line has at most 16 KiB"),
    Refused("name", fields(b"X" * 20_000)[:-4], 431, "a field has at most 16 KiB"),
    Refused("value", fields(b"X-A: " + b"a" * 20_000)[:-4], 431, "a field has at most 16 KiB"),
    Refused("fields", fields(*(b"X: 1" for _ in range(150)))[:-4], 431, "at most 100 fields"),
]
# fmt: on


@pytest.mark.parametrize("row", CLOSING, ids=ids_of(CLOSING))
def test_what_has_two_readings_is_refused(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """What is malformed is answered as such, once, in our own words, and nothing after it is read."""
    for following in (b"", get(b"/stripe/smuggled")):
        with Wire(sidecar.port) as wire:
            wire.send(bytes_of(row.sent + following, sidecar))
            answer = wire.answer()
            after, ending = wire.rest()

        assert answer.status in statuses_of(row), (answer.status, row.reason)
        assert_outriders_own(answer)
        assert answer.informational == ()
        assert (after, ending) in [(b"", Ending.CLEAN), (b"", Ending.RESET)], row.reason
        assert provider.requests == [], row.reason


@pytest.mark.parametrize("row", ENDLESS, ids=ids_of(ENDLESS))
def test_what_is_too_long_need_not_end(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """A head that has passed a limit is refused at once, complete or not."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent, sidecar))
        answer = wire.answer()
        after, ending = wire.rest()

    assert answer.status in statuses_of(row), (answer.status, row.reason)
    assert_outriders_own(answer)
    assert (after, ending) in [(b"", Ending.CLEAN), (b"", Ending.RESET)], row.reason
    assert provider.requests == []
