"""What the gate refuses though it is well-formed: the provider hears nothing of it."""

import pytest

from end_to_end.cases import PATH, Refused, bytes_of, fields, get, host, ids_of, line, post, statuses_of
from end_to_end.conftest import TOKEN
from end_to_end.raw import Ending, Wire, assert_outriders_own
from outrider.testing import FakeProvider, Sidecar

# fmt: off
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
# fmt: on


@pytest.mark.parametrize("row", REFUSED, ids=ids_of(REFUSED))
def test_what_is_not_ours_to_forward_is_refused(
    row: Refused, sidecar: Sidecar, provider: FakeProvider
) -> None:
    """The gate answers in our own words, and the provider hears nothing."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent, sidecar))
        answer = wire.answer()

    assert answer.status in statuses_of(row), (answer.status, row.reason)
    assert_outriders_own(answer)
    assert answer.informational == (), row.reason
    assert provider.requests == [], row.reason


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("target", [b"/stripe/x", b"/nobody/x", b"/_outrider/x", b"/stripe/../x"])
def test_who_asks_for_a_close_gets_it(
    sidecar: Sidecar, provider: FakeProvider, target: bytes, method: str
) -> None:
    """`Connection: close` ends the connection after the answer, also after a refusal (RFC 9112 9.6)."""
    with Wire(sidecar.port, timeout_s=2) as wire:
        wire.send(bytes_of(get(target, b"Connection: close", method=method.encode()), sidecar))
        answer = wire.answer(method)
        after, ending = wire.rest()

    assert answer.header("Connection") == "close"
    assert (after, ending) == (b"", Ending.CLEAN)


@pytest.mark.parametrize("row", REFUSED[::10], ids=ids_of(REFUSED[::10]))
def test_a_refused_head_has_no_body(row: Refused, sidecar: Sidecar, provider: FakeProvider) -> None:
    """The answer to HEAD is a head, also where it is a problem: nothing of a body follows."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent.replace(b"GET ", b"HEAD "), sidecar))
        answer = wire.answer("HEAD" if row.sent.startswith(b"GET ") else "GET")
        wire.end_sending()
        after, _ = wire.rest()

    assert answer.status in statuses_of(row)
    assert after == b""
    assert provider.requests == []


def test_no_answer_tells_a_secret(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A path that is refused is not echoed with the credential, nor with markup a browser would run."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(get(b"/<script>alert(1)</script>/x"), sidecar))
        answer = wire.answer()

    assert answer.status == 404
    assert TOKEN.encode() not in answer.body
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.header("X-Content-Type-Options") in ("nosniff", None)
