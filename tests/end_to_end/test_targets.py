"""Request targets: byte for byte after the prefix, or refused."""

import pytest

from end_to_end.cases import Passed, bytes_of, fields, get, host, ids_of, line
from end_to_end.conftest import TOKEN
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar

# fmt: off
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
# fmt: on


@pytest.mark.parametrize("row", PASSED, ids=ids_of(PASSED))
def test_a_target_arrives_as_it_was_sent(row: Passed, sidecar: Sidecar, provider: FakeProvider) -> None:
    """After the prefix, path and query reach the provider byte for byte."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent, sidecar))
        answer = wire.answer()

    assert (answer.status, answer.complete) == (200, True), row.reason
    assert [request.target for request in provider.requests] == [row.target], row.reason
    assert provider.requests[0].values("Host") == [f"127.0.0.1:{provider.port}"], "never the caller's"


@pytest.mark.parametrize("row", EITHER, ids=ids_of(EITHER))
def test_what_is_odd_is_refused_or_exact(row: Passed, sidecar: Sidecar, provider: FakeProvider) -> None:
    """What may be read leniently is never read as anything else."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent, sidecar))
        answer = wire.answer()

    assert answer.status in (200, 400), row.reason
    targets = [request.target for request in provider.requests]
    assert targets == ([row.target] if answer.status == 200 else []), row.reason
