import asyncio
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from outrider.testing import LAST_CHUNK, FakeProvider, Gate, Script, Step, chunk, reply, sse


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def wire(provider: FakeProvider) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", provider.port), timeout=5) as connection:
        yield connection


def _until(wire: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        data = wire.recv(65536)
        assert data, f"ended after {received!r}"
        received += data
    return received


GET = b"GET /v1/x?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"


def test_it_records_what_came(provider: FakeProvider, wire: socket.socket) -> None:
    """A request is kept with its raw target, its fields in order, its body and its connection."""
    wire.sendall(
        b"POST /v1/%2e?a=%20 HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nx-b:  \xe9 \r\nContent-Length: 2\r\n\r\nhi"
    )
    answer = _until(wire, b'{"ok": true}')

    request = provider.requests[0]
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (request.method, request.target, request.body) == ("POST", "/v1/%2e?a=%20", b"hi")
    assert request.headers == (("Host", "a"), ("X-B", "1"), ("x-b", "\xe9"), ("Content-Length", "2"))
    assert (request.connection, request.complete, request.size) == (1, True, 2)
    assert request.values("X-B") == ["1", "\xe9"]
    assert request.header("host") == "a"
    assert repr(request) == "<ReceivedRequest POST /v1/%2e?a=%20, 2 bytes on 1>"


def test_a_field_that_came_twice_has_no_single_value(provider: FakeProvider, wire: socket.socket) -> None:
    """`header` fails where it would have to choose."""
    wire.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nX-B: 2\r\n\r\n")
    _until(wire, b"}")

    with pytest.raises(LookupError, match="came 2 times"):
        provider.requests[0].header("x-b")


def test_a_chunked_body_is_joined(provider: FakeProvider, wire: socket.socket) -> None:
    """Chunks, their extensions and trailers are taken apart."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire.sendall(head + b"2;x=y\r\nhe\r\n" + chunk(b"llo") + b"0\r\nX-Sum: 5\r\n\r\n")
    _until(wire, b"}")

    assert provider.requests[0].body == b"hello"
    assert provider.requests[0].trailers == (("X-Sum", "5"),)


def test_a_long_body_is_counted_beyond_what_is_kept(wire: socket.socket) -> None:
    """Of a body as long as it likes only `keep_bytes` are held."""
    with FakeProvider(keep_bytes=3) as provider:
        with closing(http.client.HTTPConnection("127.0.0.1", provider.port, timeout=5)) as client:
            client.request("PUT", "/", body=b"abcdef")
            client.getresponse().read()

        assert (provider.requests[0].body, provider.requests[0].size) == (b"abc", 6)


def test_a_request_is_seen_before_it_is_complete(provider: FakeProvider, wire: socket.socket) -> None:
    """A head is recorded at once; a body that never ends stays incomplete, and is no problem."""
    wire.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
    provider.until(lambda: bool(provider.requests) and provider.requests[0].size == 4)
    wire.close()
    provider.until(lambda: provider.is_closed(1))

    assert not provider.requests[0].complete
    assert provider.problems == []


def test_queued_answers_come_first(provider: FakeProvider, wire: socket.socket) -> None:
    """The queue is played in order, then the handler is asked, then the default answers."""
    provider.handler = lambda request: reply(201) if request.target == "/made" else None
    provider.reply(429, {"error": "slow"}, {"Retry-After": "1"})

    wire.sendall(GET)
    assert b"Retry-After: 1\r\n" in (answer := _until(wire, b'{"error": "slow"}'))
    assert b"Content-Type: application/json\r\n" in answer
    wire.sendall(GET.replace(b"/v1/x", b"/made").replace(b"?q=1", b""))
    assert _until(wire, b"Content-Length: 0\r\n\r\n").startswith(b"HTTP/1.1 201 Created\r\n")
    wire.sendall(GET)
    assert _until(wire, b'{"ok": true}').startswith(b"HTTP/1.1 200 OK\r\n")


def test_head_gets_no_body(provider: FakeProvider, wire: socket.socket) -> None:
    """A well-formed answer to HEAD has the length, and nothing else of the body."""
    wire.sendall(GET.replace(b"GET", b"HEAD") + GET)

    answer = _until(wire, b"}")
    assert answer.count(b"Content-Length: 12\r\n") == 2
    assert answer.count(b'{"ok": true}') == 1


def test_raw_bytes_are_sent_as_they_are(provider: FakeProvider, wire: socket.socket) -> None:
    """A raw answer may be rubbish, and ends when its script closes."""
    provider.raw(b"rubb", b"ish\x00\n", Step.CLOSE)
    wire.sendall(GET)

    assert _until(wire, b"\n") == b"rubbish\x00\n"
    assert wire.recv(1) == b""


def test_a_wait_takes_one_release(provider: FakeProvider, wire: socket.socket) -> None:
    """Between the parts of a stream the provider stands still until it is released."""
    provider.stream(sse("1", event="tick"), Step.WAIT, sse({"a": 2}))
    wire.sendall(GET)

    assert _until(wire, chunk(b"event: tick\ndata: 1\n\n"))
    wire.settimeout(0.01)
    with pytest.raises(TimeoutError):
        wire.recv(1)
    wire.settimeout(5)
    provider.release()
    assert _until(wire, LAST_CHUNK) == chunk(b'data: {"a": 2}\n\n') + LAST_CHUNK


def test_a_gate_holds_until_it_is_opened(provider: FakeProvider, wire: socket.socket) -> None:
    """A gate can be opened before or after the script comes to it."""
    first, second = Gate(), Gate()
    second.open()
    provider.raw(first, b"a", second, b"b")
    wire.sendall(GET)
    provider.until(lambda: len(provider.requests) == 1)
    first.open()

    assert _until(wire, b"b") == b"ab"


def test_a_reset_is_a_reset(provider: FakeProvider, wire: socket.socket) -> None:
    """The peer of a reset connection gets an error, not an end."""
    provider.raw(Step.RESET)
    wire.sendall(GET)

    with pytest.raises(ConnectionResetError):
        wire.recv(1)


def test_a_half_closed_connection_still_reads(provider: FakeProvider, wire: socket.socket) -> None:
    """After a half-close the next request is still received."""
    provider.raw(b"bye", Step.HALF_CLOSE)
    wire.sendall(GET)
    assert _until(wire, b"bye") == b"bye"
    assert wire.recv(1) == b""
    wire.sendall(GET)

    provider.until(lambda: len(provider.requests) == 2)


def test_an_answer_may_come_before_the_body(provider: FakeProvider, wire: socket.socket) -> None:
    """A script that does not read the body answers during an upload, and reads when it says so."""
    provider.raw(b"early", Step.READ, b"late", reads_body=False)
    wire.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
    assert _until(wire, b"early")
    wire.sendall(b"body")

    assert _until(wire, b"late")
    assert provider.requests[0].body == b"body"


def test_an_upload_that_is_not_read_is_held_back(provider: FakeProvider, wire: socket.socket) -> None:
    """A provider that waits takes no more than the buffers between hold."""
    provider.raw(Step.WAIT, Step.READ, b"done", reads_body=False)
    total = 64 << 20
    wire.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % total)
    wire.setblocking(False)
    sent, block = 0, bytes(1 << 20)
    with suppress(BlockingIOError):
        while sent < total:
            sent += wire.send(block)
    wire.settimeout(5)

    assert sent < total
    provider.release()
    wire.sendall(bytes(total - sent))
    assert _until(wire, b"done")


def test_expect_is_answered_when_the_body_is_read(provider: FakeProvider, wire: socket.socket) -> None:
    """A 100 is sent before the body of a request that expects it."""
    wire.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert _until(wire, b"HTTP/1.1 100 Continue\r\n\r\n")
    wire.sendall(b"hi")

    assert _until(wire, b"}").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\nHost: a\n\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ],
)
def test_a_malformed_request_is_a_problem(provider: FakeProvider, wire: socket.socket, sent: bytes) -> None:
    """A sidecar that sends rubbish is told so, and the test can see it."""
    wire.sendall(sent)

    answer = wire.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert len(provider.problems) == 1


def test_a_handler_that_fails_is_a_problem(provider: FakeProvider, wire: socket.socket) -> None:
    """What the handler raises is shown instead of a connection that hangs."""
    provider.handler = lambda request: reply(200, request.json())
    wire.sendall(GET)

    assert b"500 Internal Server Error" in _until(wire, b")")
    assert provider.problems[0].startswith("the handler raised JSONDecodeError")


def test_clear_forgets(provider: FakeProvider, wire: socket.socket) -> None:
    """Between two cases nothing is left, and connections stay open."""
    provider.release()
    provider.reply(500)
    wire.sendall(GET)
    _until(wire, b"\r\n\r\n")
    provider.reply(500)
    provider.clear()
    wire.sendall(GET)
    _until(wire, b'{"ok": true}')

    assert [request.connection for request in provider.requests] == [1]
    assert (provider.connections, provider.open_connections) == (1, 1)


def test_until_gives_up(provider: FakeProvider) -> None:
    """What does not come true is a TimeoutError that shows the provider."""
    with pytest.raises(TimeoutError, match="0 requests on 0 connections"):
        provider.until(lambda: bool(provider.requests), timeout_s=0.01)


def test_a_closed_client_is_seen_while_a_script_waits(provider: FakeProvider, wire: socket.socket) -> None:
    """A caller that goes away is noticed at once, not after the answer."""
    provider.stream(b"one", Step.WAIT)
    wire.sendall(GET)
    _until(wire, chunk(b"one"))
    wire.close()

    provider.until(lambda: provider.is_closed(1))


def test_a_generator_is_played_lazily(provider: FakeProvider, wire: socket.socket) -> None:
    """A long body is made while it is sent."""
    made: list[int] = []

    def actions() -> Iterator[bytes | Step]:
        for each in (b"a", b"b"):
            made.append(len(made))
            yield each
            yield Step.WAIT

    provider.answer(Script(actions()))
    wire.sendall(GET)
    _until(wire, b"a")
    assert made == [0]
    provider.release(2)
    _until(wire, b"b")


async def test_it_serves_async_tests(provider: FakeProvider) -> None:
    """It lives in a thread of its own, so a test may await its client in its own loop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(GET)

    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await writer.wait_closed()


def test_it_speaks_tls(tmp_path: Path) -> None:
    """Given an ssl context, it serves https."""
    certificate = _self_signed(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    with FakeProvider(ssl_context=serving) as provider:
        trusting = ssl.create_default_context(cafile=str(certificate))
        with closing(
            http.client.HTTPSConnection("127.0.0.1", provider.port, timeout=5, context=trusting)
        ) as client:
            client.request("GET", "/")

            assert client.getresponse().read() == b'{"ok": true}'
            assert provider.url == f"https://127.0.0.1:{provider.port}"


def test_a_port_can_be_taken_again() -> None:
    """A provider that went down can come back where it was; one that cannot listen says why."""
    with FakeProvider() as first:
        port = first.port
        with pytest.raises(OSError, match="address already in use"):
            FakeProvider(port=port).start()

    with FakeProvider(port=port) as again:
        assert again.port == port


def _self_signed(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = directory / "provider.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path
