"""What an app, a page in a browser or an attacker may send, byte by byte, and what becomes of it.

Each table has one row for each case: its name, the bytes (`{host}` is the sidecar's own host and port),
what must come back or arrive, and the reason.
"""

from dataclasses import dataclass

import pytest

from end_to_end.conftest import TOKEN
from end_to_end.raw import Ending, NoAnswerError, Wire, assert_outriders_own
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply

PATH = b"/stripe/v1/x"


def get(target: bytes, *fields: bytes, host: bytes = b"{host}", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *fields, b"", b""])


def fields(*lines: bytes) -> bytes:
    return get(PATH, *lines)


def line(request_line: bytes) -> bytes:
    return request_line + b"\r\nHost: {host}\r\n\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return get(PATH, *lines, method=b"POST") + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


def host(value: bytes, target: bytes = PATH) -> bytes:
    return get(target, host=value)


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider hears nothing; the answer is Outrider's own and has one of these statuses."""

    id: str
    sent: bytes
    statuses: int | tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Passed:
    """The provider gets exactly this target."""

    id: str
    sent: bytes
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider gets exactly these values of these fields (none: the field is absent), and this body."""

    id: str
    sent: bytes
    seen: dict[str, list[str]]
    reason: str
    body: bytes = b""


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

# Well-formed, so the connection may live on, but not for us to forward.
REFUSED = [
    Refused("absolute-form", get(b"http://{host}/stripe/v1/x"), 400, "a target begins with one slash"),
    Refused("absolute-foreign", get(b"http://evil.example/stripe/v1/x"), 400, "no caller chooses the host"),
    Refused("absolute-provider", get(b"https://api.stripe.com/v1/x"), 400, "this is no forward proxy"),
    Refused("authority-form", get(b"{host}"), 400, "a target begins with one slash"),
    Refused("asterisk", get(b"*", method=b"OPTIONS"), 400, "a target begins with one slash"),
    Refused("asterisk-get", get(b"*"), 400, "a target begins with one slash"),
    Refused("no-slash", get(b"stripe/v1/x"), 400, "a target begins with one slash"),
    Refused("query-only", get(b"?x=/stripe/"), 400, "a target begins with one slash"),
    Refused("two-slashes", get(b"//stripe/v1/x"), 400, "some read a host after two slashes"),
    Refused("two-slashes-host", get(b"//evil.example/stripe/v1/x"), 400,
            "some read a host after two slashes"),
    Refused("backslash", get(b"/stripe/v1\\x"), 400, "some read it as a slash"),
    Refused("backslash-first", get(b"\\stripe\\v1"), 400, "some read it as a slash"),
    Refused("backslash-second", get(b"/\\evil.example/stripe"), 400, "some read it as a slash"),
    Refused("backslash-query", get(b"/stripe/v1/x?q=\\"), 400, "no backslash in path or query"),
    Refused("fragment", get(b"/stripe/v1/x#y"), 400, "a fragment is never sent"),
    Refused("fragment-query", get(b"/stripe/v1/x?a=1#y"), 400, "a fragment is never sent"),
    Refused("dots-up", get(b"/stripe/../x"), 400, "out of the integration"),
    Refused("dots-up-end", get(b"/stripe/v1/.."), 400, "a dot segment"),
    Refused("dots-up-query", get(b"/stripe/v1/..?q=1"), 400, "a dot segment before a query"),
    Refused("dots-here", get(b"/stripe/v1/./x"), 400, "a dot segment"),
    Refused("dots-here-end", get(b"/stripe/v1/."), 400, "a dot segment"),
    Refused("dots-first", get(b"/../stripe/v1/x"), 400, "a dot segment before the prefix"),
    Refused("dots-instead", get(b"/./stripe/v1/x"), 400, "a dot segment before the prefix"),
    Refused("dots-encoded", get(b"/stripe/%2e%2e/x"), 400, "a dot segment, once encoded"),
    Refused("dots-encoded-upper", get(b"/stripe/%2E%2e/x"), 400, "hexadecimal digits of either case"),
    Refused("dots-half-encoded", get(b"/stripe/.%2e/x"), 400, "half of it encoded"),
    Refused("dots-half-encoded-2", get(b"/stripe/%2e./x"), 400, "the other half"),
    Refused("dot-encoded", get(b"/stripe/v1/%2e/x"), 400, "a single dot, encoded"),
    Refused("dots-encoded-end", get(b"/stripe/v1/%2e%2e"), 400, "at the end"),
    Refused("dots-encoded-query", get(b"/stripe/v1/%2e%2e?a"), 400, "before a query"),
    Refused("slash-encoded-after-dots", get(b"/stripe/..%2fx"), 400,
            "a dot segment once the slash is decoded"),
    Refused("slash-encoded-before-dots", get(b"/stripe/v1%2f../x"), 400, "the slash before the dots"),
    Refused("slash-encoded-both", get(b"/stripe/v1%2F%2e%2e%2Fx"), 400, "all of it encoded"),
    Refused("backslash-encoded-dots", get(b"/stripe/..%5cx"), 400, "an encoded backslash next to dots"),
    Refused("backslash-encoded-before", get(b"/stripe/v1%5C..%5Cx"), 400,
            "an encoded backslash next to dots"),
    Refused("dots-own-host", host(b"stripe.localhost", b"/../x"), 400,
            "the rule holds for every addressing form"),
    Refused("trace", get(PATH, method=b"TRACE"), 501, "it would echo the credential"),
    Refused("connect", line(b"CONNECT api.stripe.com:443 HTTP/1.1"), 501, "this is no tunnel"),
    Refused("connect-self", line(b"CONNECT {host} HTTP/1.1"), 501, "this is no tunnel"),
    Refused("connect-path", get(PATH, method=b"CONNECT"), (400, 501), "this is no tunnel"),
    Refused("method-unknown", get(PATH, method=b"FOO"), 501, "a method nobody knows (RFC 9110 9.1)"),
    Refused("method-lower", get(PATH, method=b"get"), 501, "methods are case-sensitive: an unknown one"),
    Refused("method-mixed", get(PATH, method=b"Post"), 501, "methods are case-sensitive: an unknown one"),
    Refused("method-longer", get(PATH, method=b"GETS"), 501, "a known method is only a prefix of it"),
    Refused("host-empty", host(b""), (400, 421), "it names nobody"),
    Refused("host-list", host(b"localhost, evil.example"), (400, 421), "one name"),
    Refused("host-two-names", host(b"localhost evil.example"), (400, 421), "one name"),
    Refused("host-userinfo", host(b"localhost@evil.example"), (400, 421), "userinfo is no part of Host"),
    Refused("host-userinfo-own", host(b"evil.example@localhost"), (400, 421), "userinfo is no part of Host"),
    Refused("host-url", host(b"http://localhost"), (400, 421), "a name, no URL"),
    Refused("host-path", host(b"localhost/evil"), (400, 421), "a name, no path"),
    Refused("host-fragment", host(b"evil.example#localhost"), (400, 421), "a name, no fragment"),
    Refused("host-encoded", host(b"localhos%74"), (400, 421), "compared as it stands"),
    Refused("host-non-ascii", host("l\u00f6calhost".encode()), (400, 421), "compared as it stands"),
    Refused("host-foreign", host(b"evil.example"), 421, "DNS rebinding brings the page's own name"),
    Refused("host-foreign-port", host(b"evil.example:8080"), 421, "DNS rebinding, with a port"),
    Refused("host-provider", host(b"api.stripe.com"), 421, "the provider's name is not ours"),
    Refused("host-suffix", host(b"localhost.evil.com"), 421, "no prefix matches"),
    Refused("host-suffix-ip", host(b"127.0.0.1.evil.com"), 421, "no prefix matches"),
    Refused("host-prefix", host(b"evil-localhost"), 421, "no suffix matches"),
    Refused("host-trailing-dot", host(b"localhost."), 421, "exact names only"),
    Refused("host-trailing-dot-ip", host(b"127.0.0.1."), 421, "exact names only"),
    Refused("host-trailing-dot-own", host(b"stripe.localhost.", b"/v1/x"), 421, "exact names only"),
    Refused("host-short-ip", host(b"127.1"), 421, "not the canonical form"),
    Refused("host-decimal-ip", host(b"2130706433"), 421, "not the canonical form"),
    Refused("host-hex-ip", host(b"0x7f.1"), 421, "not the canonical form"),
    Refused("host-hex-ip-whole", host(b"0x7f000001"), 421, "not the canonical form"),
    Refused("host-octal-ip", host(b"0177.0.0.1"), 421, "not the canonical form"),
    Refused("host-padded-ip", host(b"127.000.000.001"), 421, "not the canonical form"),
    Refused("host-any-ip", host(b"0.0.0.0"), 421, "browsers reach loopback through it"),
    Refused("host-other-loopback", host(b"127.0.0.2"), 421, "not a name of ours"),
    Refused("host-any-ip6", host(b"[::]"), 421, "not a name of ours"),
    Refused("host-long-ip6", host(b"[0:0:0:0:0:0:0:1]"), 421, "not the canonical form"),
    Refused("host-mapped-ip6", host(b"[::ffff:127.0.0.1]"), 421, "not a name of ours"),
    Refused("host-zone-ip6", host(b"[::1%25lo]"), (400, 421), "no zones in Host"),
    Refused("host-bare-ip6", host(b"::1"), (400, 421), "an IPv6 address stands in brackets"),
    Refused("host-port-word", host(b"127.0.0.1:abc"), (400, 421), "a port is digits"),
    Refused("host-port-minus", host(b"127.0.0.1:-1"), (400, 421), "a port is digits"),
    Refused("host-two-ports", host(b"127.0.0.1:80:80"), (400, 421), "one port"),
    Refused("host-unknown-own", host(b"nobody.localhost", b"/v1/x"), (404, 421),
            "no integration has that name"),
    Refused("host-below-own", host(b"a.stripe.localhost", b"/v1/x"), (404, 421), "exact names only"),
    Refused("host-reserved-own", host(b"_outrider.localhost", b"/v1/x"), (404, 421),
            "no integration has that name"),
    Refused("host-1.0-foreign", b"GET /stripe/v1/x HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421,
            "1.0 is no way around"),
    Refused("host-1.0-missing", b"GET /stripe/v1/x HTTP/1.0\r\n\r\n", (400, 421), "1.0 is no way around"),
    Refused("origin-foreign", fields(b"Origin: https://evil.example"), 403, "a page in the browser"),
    Refused("origin-null", fields(b"Origin: null"), 403, "a sandboxed frame or a file"),
    Refused("origin-empty", fields(b"Origin:"), 403, "present, and not ours"),
    Refused("origin-other-port", fields(b"Origin: http://127.0.0.1:3000"), 403,
            "another local application's page"),
    Refused("origin-localhost", fields(b"Origin: http://localhost:3000"), 403,
            "another local application's page"),
    Refused("origin-suffix", fields(b"Origin: http://{host}.evil.example"), 403, "no prefix matches"),
    Refused("origin-post", post(b"Origin: https://evil.example", b"Content-Length: 0"), 403,
            "a form that spends money"),
    Refused("origin-two", fields(b"Origin: http://{host}", b"Origin: https://evil.example"), (400, 403),
            "every one of them counts"),
    Refused("origin-expect",
            post(b"Origin: https://evil.example", b"Expect: 100-continue", b"Content-Length: 5"), 403,
            "no 100 Continue before the gate has spoken"),
    Refused("preflight",
            get(PATH, b"Origin: null", b"Access-Control-Request-Method: POST", method=b"OPTIONS"),
            403, "no page is ever allowed in"),
    Refused("site-cross", fields(b"Sec-Fetch-Site: cross-site"), 403,
            "an image or a script of a page: no Origin"),
    Refused("site-same-site", fields(b"Sec-Fetch-Site: same-site"), 403, "another port of localhost"),
    Refused("site-two", fields(b"Sec-Fetch-Site: none", b"Sec-Fetch-Site: cross-site"), (400, 403),
            "every one counts"),
    Refused("mode-no-cors", fields(b"Sec-Fetch-Mode: no-cors"), 403, "an image, a form, a beacon"),
    Refused("mode-navigate", fields(b"Sec-Fetch-Mode: navigate"), 403, "a link or a window"),
    Refused("mode-websocket", fields(b"Sec-Fetch-Mode: websocket"), 403, "exempt from CORS"),
    Refused("origin-own-host", get(b"/v1/x", b"Origin: null", host=b"stripe.localhost"), 403,
            "in every form"),
    Refused("upgrade-websocket",
            fields(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: YQ=="), 426,
            "an integration opens tunnels only when it says so"),
    Refused("reserved", get(b"/_outrider/x"), 404, "reserved, and never forwarded"),
    Refused("reserved-root", get(b"/_outrider/"), 404, "reserved, and never forwarded"),
    Refused("reserved-job", get(b"/_outrider/jobs/none"), 404, "no such job"),
    Refused("reserved-own-host", host(b"stripe.localhost", b"/_outrider/x"), 404, "reserved on every host"),
    Refused("unknown", get(b"/nobody/v1/x"), 404, "no such integration"),
    Refused("root", get(b"/"), 404, "no integration named"),
    Refused("root-query", get(b"/?stripe"), 404, "no integration named"),
    Refused("prefix-longer", get(b"/stripex/v1/x"), 404, "the prefix is one whole segment"),
    Refused("prefix-shorter", get(b"/strip/v1/x"), 404, "the prefix is one whole segment"),
    Refused("prefix-upper", get(b"/STRIPE/v1/x"), 404, "paths are case-sensitive"),
    Refused("prefix-encoded", get(b"/str%69pe/v1/x"), (400, 404), "compared as it stands"),
    Refused("prefix-slash-encoded", get(b"/stripe%2Fv1/x"), (400, 404), "an encoded slash ends no segment"),
    Refused("prefix-parameter", get(b"/stripe;a=b/v1/x"), 404, "the prefix is one whole segment"),
    Refused("prefix-admin", get(b"/metrics"), 404, "the admin's pages are not on this listener"),
]

PASSED = [
    Passed("plain", get(b"/stripe/v1/x"), "/v1/x", "the prefix goes, the rest stays"),
    Passed("root", get(b"/stripe/"), "/", "the root of the API"),
    Passed("root-bare", get(b"/stripe"), "/", "what is forwarded begins with a slash"),
    Passed("root-bare-query", get(b"/stripe?a=1"), "/?a=1", "what is forwarded begins with a slash"),
    Passed("base-path", get(b"/based/v1/x"), "/base/v1/x", "the base path is put before"),
    Passed("slash-encoded", get(b"/stripe/v1/a%2Fb"), "/v1/a%2Fb", "an id may contain a slash"),
    Passed("slash-encoded-lower", get(b"/stripe/v1/a%2fb"), "/v1/a%2fb", "the case of an escape stays"),
    Passed("dots-twice-encoded", get(b"/stripe/%252e%252e/x"), "/%252e%252e/x",
           "only text after one decoding"),
    Passed("dots-within", get(b"/stripe/a..b"), "/a..b", "no dot segment"),
    Passed("dots-before", get(b"/stripe/..b/.c"), "/..b/.c", "no dot segment"),
    Passed("dots-three", get(b"/stripe/.../x"), "/.../x", "no dot segment"),
    Passed("space-encoded", get(b"/stripe/a%20b"), "/a%20b", "not decoded"),
    Passed("nul-encoded", get(b"/stripe/a%00b"), "/a%00b", "an escape is no control character; not decoded"),
    Passed("crlf-encoded", get(b"/stripe/a%0d%0aX:%201"), "/a%0d%0aX:%201",
           "decoding it would split the request"),
    Passed("hash-encoded", get(b"/stripe/a%23b"), "/a%23b", "an encoded # is no fragment"),
    Passed("question-encoded", get(b"/stripe/a%3Fb"), "/a%3Fb", "an encoded ? begins no query"),
    Passed("backslash-encoded", get(b"/stripe/a%5Cb"), "/a%5Cb", "not decoded"),
    Passed("percent-encoded", get(b"/stripe/100%25"), "/100%25", "not decoded"),
    Passed("percent-odd", get(b"/stripe/100%zz%"), "/100%zz%", "no escape, and not ours to repair"),
    Passed("non-ascii", get(b"/stripe/%C3%A9%e2%82%ac"), "/%C3%A9%e2%82%ac", "not decoded"),
    Passed("not-utf-8", get(b"/stripe/%FF%fe"), "/%FF%fe", "escapes need not be UTF-8"),
    Passed("semicolon", get(b"/stripe/a;b=c/d"), "/a;b=c/d", "not ours to read"),
    Passed("plus", get(b"/stripe/a+b?c+d"), "/a+b?c+d", "no space"),
    Passed("unreserved", get(b"/stripe/-._~!$&'()*+,;=:@"), "/-._~!$&'()*+,;=:@",
           "all that a segment may have"),
    Passed("unwise", get(b'/stripe/{a}|[b]^`"<c>'), '/{a}|[b]^`"<c>', "sent by some, and not ours to repair"),
    Passed("colon", get(b"/stripe/v1/models:generate"), "/v1/models:generate", "Google's custom methods"),
    Passed("url-within", get(b"/stripe/http://evil.example/"), "/http://evil.example/",
           "a path, whatever it says"),
    Passed("at-within", get(b"/stripe/@evil.example/x"), "/@evil.example/x", "never glued to the base URL"),
    Passed("two-slashes-after", get(b"/stripe//evil.example/x"), "//evil.example/x",
           "a path, at the same origin"),
    Passed("two-slashes-within", get(b"/stripe/v1//x//"), "/v1//x//", "not merged"),
    Passed("prefix-again", get(b"/stripe/stripe/x"), "/stripe/x", "taken off once"),
    Passed("reserved-after", get(b"/stripe/_outrider/x"), "/_outrider/x", "reserved only at the root"),
    Passed("query", get(b"/stripe/x?b=2&a=1&b=%20&&c"), "/x?b=2&a=1&b=%20&&c", "neither sorted nor decoded"),
    Passed("query-empty", get(b"/stripe/x?"), "/x?", "an empty query is kept"),
    Passed("query-dots", get(b"/stripe/x?q=../.."), "/x?q=../..", "no dot segments in a query"),
    Passed("query-dots-slash", get(b"/stripe/x?/../"), "/x?/../", "no dot segments in a query"),
    Passed("query-dots-encoded", get(b"/stripe/x?q=%2e%2e%2f"), "/x?q=%2e%2e%2f",
           "no dot segments in a query"),
    Passed("query-question", get(b"/stripe/x?a=?b"), "/x?a=?b", "only the first ? begins a query"),
    Passed("query-url", get(b"/stripe/x?u=http://a@b:1/"), "/x?u=http://a@b:1/", "not ours to read"),
    Passed("target-16000", get(b"/stripe/" + b"a" * 16_000), "/" + "a" * 16_000, "just below the limit"),
    Passed("head-99-fields", fields(*(b"X-%d: 1" % n for n in range(99))), "/v1/x", "100 with Host"),
    Passed("head-30k", fields(b"X-A: " + b"a" * 15_000, b"X-B: " + b"b" * 15_000), "/v1/x", "below 32 KiB"),
    Passed("leading-crlf", b"\r\n" + fields(), "/v1/x",
           "an empty line before is to be ignored (RFC 9112 2.2)"),
    Passed("http-1.0", b"GET /stripe/v1/x HTTP/1.0\r\nHost: {host}\r\n\r\n", "/v1/x", "1.0 is spoken"),
    Passed("host-localhost", host(b"localhost"), "/v1/x", "a name of ours"),
    Passed("host-upper", host(b"LOCALHOST:80"), "/v1/x", "names have no case; any port"),
    Passed("host-ip", host(b"127.0.0.1"), "/v1/x", "a name of ours"),
    Passed("host-ip6", host(b"[::1]"), "/v1/x", "a name of ours"),
    Passed("host-ip6-port", host(b"[::1]:8080"), "/v1/x", "a name of ours"),
    Passed("host-spaces", b"GET /stripe/v1/x HTTP/1.1\r\nHost: \t localhost \t\r\n\r\n", "/v1/x",
           "space around it"),
    Passed("host-own", host(b"stripe.localhost", b"/v1/x?a=1"), "/v1/x?a=1",
           "all of the path is the provider's"),
    Passed("host-own-port", host(b"stripe.localhost:8080", b"/v1/x"), "/v1/x", "any port"),
    Passed("host-own-upper", host(b"Stripe.LocalHost", b"/v1/x"), "/v1/x", "names have no case"),
    Passed("host-own-prefix", host(b"stripe.localhost", b"/stripe/x"), "/stripe/x", "no prefix to take off"),
    Passed("host-own-slashes", host(b"stripe.localhost", b"/v1//x"), "/v1//x", "not merged"),
    Passed("host-own-base", host(b"based.localhost", b"/x"), "/base/x", "the base path is put before"),
    Passed("mode-cors", fields(b"Sec-Fetch-Mode: cors"), "/v1/x", "Node's fetch: an application"),
    Passed("site-none", fields(b"Sec-Fetch-Site: none"), "/v1/x", "no page behind it"),
    Passed("origin-own", fields(b"Origin: http://{host}", b"Sec-Fetch-Site: same-origin"), "/v1/x",
           "our own"),
    Passed("query-credential", get(b"/queried/x"), f"/x?key={TOKEN}", "put on"),
    Passed("query-credential-more", get(b"/queried/x?a=%20"), f"/x?a=%20&key={TOKEN}",
           "the rest stays as it is"),
    Passed("query-credential-sent", get(b"/queried/x?key=mine&a=1"), f"/x?a=1&key={TOKEN}", "replaced"),
]

# Neither reading harms: it is refused, or the provider gets exactly this target.
EITHER = [
    Passed("two-spaces", line(b"GET  /stripe/v1/x HTTP/1.1"), "/v1/x", "some split at any (RFC 9112 3)"),
    Passed("two-spaces-after", line(b"GET /stripe/v1/x  HTTP/1.1"), "/v1/x", "some split at any space"),
    Passed("leading-lf", b"\n" + fields(), "/v1/x", "an empty line before, with a bare LF"),
    Passed("utf-8", get("/stripe/caf\u00e9".encode()), "/caf\u00c3\u00a9", "not escaped, as it should be"),
    Passed("latin-1", get(b"/stripe/caf\xe9"), "/caf\u00e9", "not escaped, as it should be"),
    Passed("dots-parameter", get(b"/stripe/..;/x"), "/..;/x", "a dot segment to some servers of Java's"),
]

CREDENTIAL = [f"Bearer {TOKEN}"]

DELIVERED = [
    Delivered("nothing-sent", fields(), {"Authorization": CREDENTIAL}, "put on where there was none"),
    Delivered("authorization", fields(b"Authorization: Bearer sk_app"), {"Authorization": CREDENTIAL},
              "what the app sent is replaced"),
    Delivered("authorization-twice", fields(b"authorization: a", b"AUTHORIZATION: b"),
              {"Authorization": CREDENTIAL}, "each of them"),
    Delivered("api-keys", fields(b"X-Api-Key: a", b"api-key: b", b"Proxy-Authorization: c"),
              {"Authorization": CREDENTIAL, "X-Api-Key": [], "Api-Key": [], "Proxy-Authorization": []},
              "every credential field is stripped, for every type of auth"),
    Delivered("own-field", get(b"/based/x", b"x-custom-key: mine", b"Authorization: Bearer sk_app"),
              {"X-Custom-Key": [TOKEN], "Authorization": []}, "the field that is put on, in whatever case"),
    Delivered("connection-names", fields(b"Connection: authorization, x-foo", b"X-Foo: 1", b"X-Bar: 2"),
              {"Authorization": CREDENTIAL, "X-Foo": [], "X-Bar": ["2"], "Connection": []},
              "what it names goes, but not what is put on after"),
    Delivered("connection-several",
              fields(b"Connection: x-a", b"X-A: 1", b"Connection: , X-B ,", b"X-B: 2", b"X-C: 3"),
              {"X-A": [], "X-B": [], "X-C": ["3"]}, "every Connection field counts (CVE-2021-33197)"),
    Delivered("connection-host", fields(b"Connection: host"), {"Authorization": CREDENTIAL},
              "naming Host has no effect"),
    Delivered("connection-length", post(b"Connection: content-length", b"Content-Length: 5", body=b"hello"),
              {"Content-Length": ["5"]}, "naming the framing has no effect", b"hello"),
    Delivered("connection-coding",
              post(b"Connection: transfer-encoding", b"Transfer-Encoding: chunked",
                   body=b"5\r\nhello\r\n0\r\n\r\n"),
              {}, "naming the framing has no effect", b"hello"),
    Delivered("connection-own-field", get(b"/based/x", b"Connection: x-custom-key"),
              {"X-Custom-Key": [TOKEN]}, "naming the credential has no effect"),
    Delivered("hop-by-hop",
              fields(b"TE: gzip", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive"),
              {"TE": [], "Keep-Alive": [], "Proxy-Connection": []},
              "between the app and us only"),
    Delivered("upgrade-h2c",
              fields(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
              {"Upgrade": [], "HTTP2-Settings": [], "Connection": []},
              "Java's HttpClient offers h2c with its first request; an offer may be ignored (RFC 9110 7.8)"),
    Delivered("reserved",
              fields(b"Outrider-Foo: 1", b"X-Outrider-Foo: 2", b"outrider-id: 3", b"Outriders: 4"),
              {"Outrider-Foo": [], "X-Outrider-Foo": [], "Outrider-Id": [], "Outriders": ["4"]},
              "ours are ours alone"),
    Delivered("repeated", fields(b"X-A: 1", b"X-B: 2", b"X-A: 3", b"x-a: 4"),
              {"X-A": ["1", "3", "4"], "X-B": ["2"]}, "in their order, and not joined"),
    Delivered("empty", fields(b"X-A:", b"X-B: "), {"X-A": [""], "X-B": [""]}, "an empty value is a value"),
    Delivered("spaces", fields(b"X-A: \t a\tb  c \t"), {"X-A": ["a\tb  c"]},
              "space around it is not part of it"),
    Delivered("obs-text", fields(b"X-A: caf\xc3\xa9 \xe9\xff"), {"X-A": ["caf\xc3\xa9 \xe9\xff"]},
              "byte-exact"),
    Delivered("cookies", fields(b"Cookie: a=1; b=2"), {"Cookie": ["a=1; b=2"]}, "the app's own, passed on"),
    Delivered("encodings",
              post(b"Content-Encoding: gzip", b"Accept-Encoding: br;q=0", b"Content-Length: 3",
                   body=b"\x1f\x8b\x00"),
              {"Content-Encoding": ["gzip"], "Accept-Encoding": ["br;q=0"], "Content-Length": ["3"]},
              "a body is not decoded, and need not be decodable", b"\x1f\x8b\x00"),
    Delivered("underscores", fields(b"Content_Length: 5", b"Transfer_Encoding: chunked"),
              {"Content_Length": ["5"], "Content-Length": [], "Transfer-Encoding": []},
              "other names than those of the framing"),
    Delivered("get-body", fields(b"Content-Length: 5") + b"hello", {"Content-Length": ["5"]}, "of any method",
              b"hello"),
    Delivered("zero", post(b"Content-Length: 0"), {"Content-Length": ["0"]},
              "an empty body is said to be empty"),
    Delivered("leading-zeros", post(b"Content-Length: 0005", body=b"hello"), {},
              "decimal digits, whatever the first", b"hello"),
    Delivered("chunked", post(b"transfer-encoding: CHUNKED", body=b"2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n"), {},
              "a coding has no case, a size may have zeros", b"hello"),
    Delivered("chunk-extensions", chunked(b'2;a\r\nhe\r\n3;a=b;c="d;e"\r\nllo\r\n0;last\r\n\r\n'), {},
              "extensions are between the app and us", b"hello"),
    Delivered("trailers",
              chunked(b"5\r\nhello\r\n0\r\nAuthorization: a\r\nX-A: 1\r\nHost: b\r\n\r\n"),
              {"Authorization": CREDENTIAL, "X-A": []},
              "trailers are never joined to the head", b"hello"),
    Delivered("body-like-a-request", post(b"Content-Length: 31", body=b"GET /stripe/smuggled HTTP/1.1\r\n"),
              {"Content-Length": ["31"]}, "a body is a body", b"GET /stripe/smuggled HTTP/1.1\r\n"),
]
# fmt: on


def _ids(table: list[Refused] | list[Passed] | list[Delivered]) -> list[str]:
    ids = [row.id for row in table]
    assert len(set(ids)) == len(ids)
    return ids


def _bytes(sent: bytes, sidecar: Sidecar) -> bytes:
    return sent.replace(b"{host}", b"127.0.0.1:%d" % sidecar.port)


def _statuses(row: Refused) -> tuple[int, ...]:
    return (row.statuses,) if isinstance(row.statuses, int) else row.statuses


def _targets(request: ReceivedRequest) -> Script:
    """Answer with the target that was asked for."""
    return reply(200, request.target)


@pytest.mark.parametrize("row", CLOSING, ids=_ids(CLOSING))
def test_what_has_two_readings_is_refused(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """What is malformed is answered as such, once, in our own words, and nothing after it is read."""
    for following in (b"", get(b"/stripe/smuggled")):
        with Wire(sidecar.port) as wire:
            wire.send(_bytes(row.sent + following, sidecar))
            answer = wire.answer()
            after, ending = wire.rest()

        assert answer.status in _statuses(row), (answer.status, row.reason)
        assert_outriders_own(answer)
        assert answer.informational == ()
        assert (after, ending) in [(b"", Ending.CLEAN), (b"", Ending.RESET)], row.reason
        assert provider.requests == [], row.reason


@pytest.mark.parametrize("row", ENDLESS, ids=_ids(ENDLESS))
def test_what_is_too_long_need_not_end(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """A head that has passed a limit is refused at once, complete or not."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent, sidecar))
        answer = wire.answer()
        after, ending = wire.rest()

    assert answer.status in _statuses(row), (answer.status, row.reason)
    assert_outriders_own(answer)
    assert (after, ending) in [(b"", Ending.CLEAN), (b"", Ending.RESET)], row.reason
    assert provider.requests == []


@pytest.mark.parametrize("row", BROKEN_BODIES, ids=_ids(BROKEN_BODIES))
def test_a_malformed_body_never_arrives_whole(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """Where a body turns out malformed, no provider ever takes the request for complete."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent, sidecar) + _bytes(get(b"/stripe/smuggled"), sidecar))
        answer = wire.answer()
        after, ending = wire.rest()

    assert answer.status in _statuses(row), (answer.status, row.reason)
    assert_outriders_own(answer)
    assert (after, ending) in [(b"", Ending.CLEAN), (b"", Ending.RESET)], row.reason
    assert not [request for request in provider.requests if request.complete], row.reason


@pytest.mark.parametrize("row", REFUSED, ids=_ids(REFUSED))
def test_what_is_not_ours_to_forward_is_refused(
    row: Refused, sidecar: Sidecar, provider: FakeProvider
) -> None:
    """The gate answers in our own words, and the provider hears nothing."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent, sidecar))
        answer = wire.answer()

    assert answer.status in _statuses(row), (answer.status, row.reason)
    assert_outriders_own(answer)
    assert answer.informational == (), row.reason
    assert provider.requests == [], row.reason


@pytest.mark.parametrize("row", PASSED, ids=_ids(PASSED))
def test_a_target_arrives_as_it_was_sent(row: Passed, sidecar: Sidecar, provider: FakeProvider) -> None:
    """After the prefix, path and query reach the provider byte for byte."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent, sidecar))
        answer = wire.answer()

    assert (answer.status, answer.complete) == (200, True), row.reason
    assert [request.target for request in provider.requests] == [row.target], row.reason
    assert provider.requests[0].values("Host") == [f"127.0.0.1:{provider.port}"], "never the caller's"


@pytest.mark.parametrize("row", EITHER, ids=_ids(EITHER))
def test_what_is_odd_is_refused_or_exact(row: Passed, sidecar: Sidecar, provider: FakeProvider) -> None:
    """What may be read leniently is never read as anything else."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent, sidecar))
        answer = wire.answer()

    assert answer.status in (200, 400), row.reason
    targets = [request.target for request in provider.requests]
    assert targets == ([row.target] if answer.status == 200 else []), row.reason


@pytest.mark.parametrize("row", DELIVERED, ids=_ids(DELIVERED))
def test_fields_and_body_arrive_as_they_should(
    row: Delivered, sidecar: Sidecar, provider: FakeProvider
) -> None:
    """What is end to end arrives unchanged; what is hop by hop, reserved or a credential does not."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent, sidecar))
        answer = wire.answer()

    assert (answer.status, answer.complete) == (200, True), row.reason
    assert len(provider.requests) == 1
    request = provider.requests[0]
    assert {name: request.values(name) for name in row.seen} == row.seen, row.reason
    assert (request.body, request.complete) == (row.body, True), row.reason
    assert request.values("Host") == [f"127.0.0.1:{provider.port}"], "never the caller's"


def test_nothing_is_invented(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A bare request arrives with Host, the credential and Via, and with no default of a client library."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(fields(), sidecar))
        wire.answer()

    names = {name.lower() for name, _ in provider.requests[0].headers}
    assert names - {"via"} == {"host", "authorization"}


def test_via_is_appended(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A Via that the app sent stays, and ours comes after it (RFC 9110 7.6.3)."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(fields(b"Via: 1.0 fred"), sidecar))
        wire.answer()

    assert ", ".join(provider.requests[0].values("Via")) == "1.0 fred, 1.1 outrider"


def test_pipelined_requests_are_answered_in_order(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Requests sent at once are answered one by one, each with its own answer."""
    provider.handler = _targets
    with Wire(sidecar.port) as wire:
        wire.send(b"".join(_bytes(get(b"/stripe/%d" % n), sidecar) for n in range(10)))
        answers = [wire.answer() for _ in range(10)]

    assert [answer.body for answer in answers] == [b"/%d" % n for n in range(10)]
    assert [request.target for request in provider.requests] == [f"/{n}" for n in range(10)]


def test_a_refusal_in_a_pipeline_keeps_the_order(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A request that is refused does not overtake, and is not taken for its neighbours."""
    provider.handler = _targets
    requests = [get(b"/stripe/1"), get(b"/stripe/2", b"Origin: null"), get(b"/stripe/3")]
    with Wire(sidecar.port) as wire:
        wire.send(b"".join(_bytes(request, sidecar) for request in requests))
        first, second = wire.answer(), wire.answer()
        try:
            third = wire.answer()
        except NoAnswerError:
            third = None

    assert (first.status, first.body) == (200, b"/1")
    assert second.status == 403
    assert third is None or (third.status, third.body) == (200, b"/3")
    assert "/2" not in [request.target for request in provider.requests]


def test_garbage_in_a_pipeline_ends_it(sidecar: Sidecar, provider: FakeProvider) -> None:
    """What follows a good request and is no HTTP is a 400 and the end; the good one's answer is its own."""
    provider.handler = _targets
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(get(b"/stripe/1"), sidecar))
        first = wire.answer()
        wire.send(b"rubbish\r\n\r\n")
        second = wire.answer()
        after, ending = wire.rest()

    assert (first.status, first.body) == (200, b"/1")
    assert second.status in (400, 501)
    assert_outriders_own(second)
    assert (after, ending) == (b"", Ending.CLEAN)


def test_a_body_is_not_answered(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A request inside a body is part of that body: one answer, and one request at the provider."""
    inner = _bytes(get(b"/stripe/smuggled"), sidecar)
    provider.handler = _targets
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(post(b"Content-Length: %d" % len(inner), body=inner), sidecar))
        first = wire.answer()
        wire.send(_bytes(get(b"/stripe/next", b"Connection: close"), sidecar))
        second = wire.answer()
        after, ending = wire.rest()

    assert [first.body, second.body] == [b"/v1/x", b"/next"]
    assert (after, ending) == (b"", Ending.CLEAN)
    assert [request.target for request in provider.requests] == ["/v1/x", "/next"]


def test_the_body_of_a_refused_request_is_not_answered(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The body of a request that the gate refused is not taken for the next request."""
    inner = _bytes(get(b"/stripe/smuggled"), sidecar)
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(post(b"Origin: null", b"Content-Length: %d" % len(inner)), sidecar), inner)
        wire.send(_bytes(get(b"/stripe/next", b"Connection: close"), sidecar))
        answer = wire.answer()
        wire.rest()

    assert answer.status == 403
    assert [request.target for request in provider.requests] in ([], ["/next"])


def test_a_refused_upgrade_leaves_http(sidecar: Sidecar, provider: FakeProvider) -> None:
    """After a 426 what comes is read as HTTP again or not at all; no byte goes through a tunnel."""
    provider.handler = _targets
    upgrade = fields(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: YQ==")
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(upgrade, sidecar) + _bytes(get(b"/stripe/next", b"Connection: close"), sidecar))
        first = wire.answer()
        after, _ = wire.rest()

    assert first.status == 426
    assert "websocket" in (first.header("Upgrade") or "").lower() or first.header("Upgrade") is None
    assert [request.target for request in provider.requests] == (["/next"] if after else [])


def test_an_ignored_upgrade_loses_nothing(sidecar: Sidecar, provider: FakeProvider) -> None:
    """What was sent along with an offer of h2c is answered, or the connection ends: it is not swallowed."""
    provider.handler = _targets
    offer = get(
        b"/stripe/first", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"
    )
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(offer, sidecar) + _bytes(get(b"/stripe/next", b"Connection: close"), sidecar))
        first = wire.answer()
        _, ending = wire.rest()

    assert (first.status, first.body) == (200, b"/first")
    assert ending is Ending.CLEAN


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("target", [b"/stripe/x", b"/nobody/x", b"/_outrider/x", b"/stripe/../x"])
def test_who_asks_for_a_close_gets_it(
    sidecar: Sidecar, provider: FakeProvider, target: bytes, method: str
) -> None:
    """`Connection: close` ends the connection after the answer, also after a refusal (RFC 9112 9.6)."""
    with Wire(sidecar.port, timeout_s=2) as wire:
        wire.send(_bytes(get(target, b"Connection: close", method=method.encode()), sidecar))
        answer = wire.answer(method)
        after, ending = wire.rest()

    assert answer.header("Connection") == "close"
    assert (after, ending) == (b"", Ending.CLEAN)


def test_a_bad_chunk_after_a_good_one(sidecar: Sidecar, provider: FakeProvider) -> None:
    """An upload that turns out malformed on its way ends broken at the provider, and as a 400."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(chunked(b"5\r\nhello\r\n"), sidecar))
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
        wire.send(_bytes(post(framing), sidecar), b"4\r\nabcd")
        provider.until(lambda: bool(provider.requests) and provider.requests[0].size > 0)
        wire.end_sending()
        provider.until(lambda: provider.is_closed(provider.requests[0].connection))

    assert not provider.requests[0].complete


def test_a_continue_is_sent_to_who_waits_for_it(sidecar: Sidecar, provider: FakeProvider) -> None:
    """An accepted upload that expects a 100 gets it, and only then the body comes."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(post(b"Expect: 100-continue", b"Content-Length: 5"), sidecar))
        interim = wire.interim()
        wire.send(b"hello")
        answer = wire.answer()

    assert (interim, answer.status) == (100, 200)
    assert provider.requests[0].body == b"hello"


@pytest.mark.parametrize("row", REFUSED[::10], ids=_ids(REFUSED[::10]))
def test_a_refused_head_has_no_body(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """The answer to HEAD is a head, also where it is a problem: nothing of a body follows."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(row.sent.replace(b"GET ", b"HEAD "), sidecar))
        answer = wire.answer("HEAD" if row.sent.startswith(b"GET ") else "GET")
        wire.end_sending()
        after, _ = wire.rest()

    assert answer.status in _statuses(row)
    assert after == b""
    assert provider.requests == []


def test_no_answer_tells_a_secret(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A path that is refused is not echoed with the credential, nor with markup a browser would run."""
    with Wire(sidecar.port) as wire:
        wire.send(_bytes(get(b"/<script>alert(1)</script>/x"), sidecar))
        answer = wire.answer()

    assert answer.status == 404
    assert TOKEN.encode() not in answer.body
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.header("X-Content-Type-Options") in ("nosniff", None)
