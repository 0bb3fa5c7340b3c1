"""What is malformed on the admin listener is answered as everywhere: by its status, in our words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from end_to_end.raw import Ending, Wire, assert_outriders_own
from outrider.testing import Sidecar

LOCAL = b"Host: localhost\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """What is sent, and the status it earns."""

    name: str
    sent: bytes
    status: int


def get(*fields: bytes, target: bytes = b"/healthz", method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target, LOCAL, b"".join(f + b"\r\n" for f in fields))


ROWS = [
    Row("garbage", b"<secret> garbage\r\n\r\n", 400),
    Row("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, 400),
    Row("http-9", b"GET /healthz HTTP/9.9\r\n" + LOCAL + b"\r\n", 400),
    Row("field-without-colon", get(b"secret"), 400),
    Row("control-in-field", get(b"X: a\x01secret"), 400),
    Row("length-and-chunked", get(b"Content-Length: 3", b"Transfer-Encoding: chunked", method=b"POST"), 400),
    Row("no-host", b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    Row("absolute-form", get(target=b"http://localhost/healthz"), 400),
    Row("dots", get(target=b"/api/../healthz"), 400),
    Row("long-line", get(target=b"/" + b"a" * 20_000), 414),
    Row("long-field", get(b"X: " + b"a" * 20_000), 431),
    Row("many-fields", get(*(b"X-%d: secret" % n for n in range(150))), 431),
    Row("unknown-method", get(method=b"SECRET"), 501),
    Row("trace", get(method=b"TRACE"), 501),
    Row("unknown-path", get(target=b"/secret"), 404),
    Row("wrong-method", get(b"Content-Length: 0", method=b"POST"), 405),
    Row("unknown-expectation", get(b"Expect: secret"), 417),
    Row("foreign-host", b"GET /healthz HTTP/1.1\r\nHost: secret.example\r\n\r\n", 421),
    Row("foreign-page", get(b"Origin: http://secret.example", target=b"/metrics"), 403),
]


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar('[integrations.s]\nprovider = "sandbox"\nauth = { type = "none" }\n') as running:
        yield running
        assert "Traceback" not in running.stderr
        assert "secret" not in running.stderr


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_refused(row: Row, sidecar: Sidecar) -> None:
    """The contract's status, our problem document, no version, nothing of the request."""
    with Wire(int(sidecar.admin_url.rpartition(":")[2])) as wire:
        wire.send(row.sent)
        answer = wire.answer()

    assert answer.status == row.status
    assert_outriders_own(answer)
    assert answer.header("Server") == "outrider"
    said = " ".join([answer.body.decode(), *(f"{name}: {value}" for name, value in answer.headers)])
    assert not re.search("secret|aiohttp|python", said, re.IGNORECASE)


@pytest.mark.parametrize("rubbish", [b"rubbish\r\n\r\n", b"rubbish", b"<>\r\n\r\n" * 3])
def test_what_follows_a_good_request_in_one_piece_is_refused_too(rubbish: bytes, sidecar: Sidecar) -> None:
    """The good one is answered first, and the connection ends after the refusal."""
    with Wire(int(sidecar.admin_url.rpartition(":")[2])) as wire:
        wire.send(get() + rubbish)
        statuses = [wire.answer().status, wire.answer().status]
        after, ending = wire.rest()

    assert (statuses, after) == ([200, 400], b"")
    assert ending is not Ending.TIMED_OUT
