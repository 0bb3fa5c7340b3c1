"""Fields and bodies as they arrive at the provider: end to end, hop by hop, reserved, credentials."""

import pytest

from end_to_end.cases import Delivered, bytes_of, chunked, fields, get, ids_of, post
from end_to_end.conftest import TOKEN
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar

# fmt: off
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


@pytest.mark.parametrize("row", DELIVERED, ids=ids_of(DELIVERED))
def test_fields_and_body_arrive_as_they_should(
    row: Delivered, sidecar: Sidecar, provider: FakeProvider
) -> None:
    """What is end to end arrives unchanged; what is hop by hop, reserved or a credential does not."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(row.sent, sidecar))
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
        wire.send(bytes_of(fields(), sidecar))
        wire.answer()

    names = {name.lower() for name, _ in provider.requests[0].headers}
    assert names - {"via"} == {"host", "authorization"}


def test_via_is_appended(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A Via that the app sent stays, and ours comes after it (RFC 9110 7.6.3)."""
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(fields(b"Via: 1.0 fred"), sidecar))
        wire.answer()

    assert ", ".join(provider.requests[0].values("Via")) == "1.0 fred, 1.1 outrider"
