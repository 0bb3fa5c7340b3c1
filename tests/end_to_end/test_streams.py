"""Bodies both ways: promptly, in constant memory, and never complete when they were cut off."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.conftest import CONFIG, TOKEN
from end_to_end.raw import Ending, Wire
from outrider.testing import FakeProvider, Sidecar, Step, reply, sse

MIB = 1 << 20


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def _get(sidecar: Sidecar, path: str = "/stripe/v1/x") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{sidecar.port}\r\n\r\n".encode()


def test_an_event_leaves_when_it_arrives(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The first event is here while the provider waits for us to have it."""
    provider.stream(sse("one"), Step.WAIT, sse("two"))
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(_get(sidecar))
        seen = b""
        while b"one" not in seen:
            seen += app.recv(4096)
        assert b"two" not in seen
        provider.release()
        while not seen.endswith(b"0\r\n\r\n"):
            seen += app.recv(4096)

    assert b"two" in seen


def test_an_app_that_leaves_cancels_the_call(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The provider's connection closes at once, and nothing stays in flight."""
    provider.stream(sse("one"), Step.WAIT)
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(_get(sidecar))
        while b"one" not in app.recv(4096):
            pass

    provider.until(lambda: provider.is_closed(provider.requests[0].connection))
    assert sidecar.metric("outrider_in_flight", integration="stripe") == 0


def test_an_app_that_leaves_before_the_answer_cancels_the_call(
    sidecar: Sidecar, provider: FakeProvider
) -> None:
    """Also where nothing had been sent to it yet."""
    provider.raw(Step.WAIT)
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(_get(sidecar))
        provider.until(lambda: bool(provider.requests))

    provider.until(lambda: provider.is_closed(provider.requests[0].connection))
    assert sidecar.metric("outrider_in_flight", integration="stripe") == 0


def test_an_app_that_ends_its_sending_gets_its_answer(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A half-closed connection still carries the answer (RFC 9293, 3.6)."""
    provider.raw(Step.WAIT, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        wire.end_sending()
        provider.until(lambda: bool(provider.requests))
        provider.release()
        answer = wire.answer()
        after, ending = wire.rest()

    assert (answer.status, answer.body) == (200, b"late")
    assert (after, ending) == (b"", Ending.CLEAN)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
def test_a_truncated_body_never_looks_complete(
    sidecar: Sidecar, provider: FakeProvider, answer: bytes
) -> None:
    """The app's connection breaks where the provider's did."""
    provider.raw(answer, Step.CLOSE)
    with Wire(sidecar.port) as wire:
        wire.send(_get(sidecar))
        got = wire.answer()

    assert not got.complete
    assert got.ending in (Ending.RESET, Ending.CLEAN)


def test_an_early_answer_is_passed_on() -> None:
    """A provider that answers before it has read the body is heard, and the upload ends."""
    with socket.create_server(("127.0.0.1", 0)) as provider:
        url = f"http://127.0.0.1:{provider.getsockname()[1]}"
        with (
            Sidecar(CONFIG.format(url=url), env={"TEST_TOKEN": TOKEN}) as sidecar,
            Wire(sidecar.port) as wire,
        ):
            head = b"POST /stripe/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
            wire.send(head + b"x" * 1000)
            upstream, _ = provider.accept()
            assert upstream.recv(100).startswith(b"POST /v1/x")
            upstream.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
            got = wire.answer()
            upstream.close()

    assert (got.status, got.body) == (413, b"big")
    assert got.header("Connection") == "close"
    assert "Traceback" not in sidecar.stderr


def test_an_upload_streams(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The first piece is at the provider before the last one is sent."""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(
            b"POST /stripe/v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        )
        provider.until(lambda: bool(provider.requests) and provider.requests[0].size == 5)
        app.sendall(b"5\r\nagain\r\n0\r\n\r\n")
        assert app.recv(4096).startswith(b"HTTP/1.1 200")

    assert provider.requests[0].body == b"helloagain"


def test_100_continue_comes_when_the_body_is_wanted(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A refused request gets its answer without having sent its body; an accepted one is asked for it."""
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(head % b"/stripe/v1/x")
        assert app.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        app.sendall(b"hello")
        assert app.recv(4096).startswith(b"HTTP/1.1 200")
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(head % b"/nobody/v1/x")
        assert app.recv(4096).startswith(b"HTTP/1.1 404")


@pytest.fixture
def own() -> Iterator[tuple[Sidecar, FakeProvider]]:
    """A sidecar whose memory nobody else has used."""
    with (
        FakeProvider(keep_bytes=0) as provider,
        Sidecar(CONFIG.format(url=provider.url), env={"TEST_TOKEN": TOKEN}) as sidecar,
    ):
        yield sidecar, provider


def test_a_slow_reader_holds_the_provider_back(own: tuple[Sidecar, FakeProvider]) -> None:
    """200 MiB that nobody reads stay at the provider: memory grows by less than 10 MB."""
    sidecar, provider = own
    provider.handler = lambda request: reply(200, b"x" * (200 * MIB))
    with Wire(sidecar.port) as wire:
        wire.send(b"GET /nobody HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.answer()
    before = _peak_mb(sidecar.pid)
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        app.sendall(_get(sidecar))
        app.recv(10)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:  # the buffers on the way fill in milliseconds
            sidecar.metric("outrider_in_flight", integration="stripe")

    assert _peak_mb(sidecar.pid) - before < 10


@pytest.mark.long
@pytest.mark.parametrize("way", ["down", "up"])
def test_a_gigabyte_passes_in_constant_memory(own: tuple[Sidecar, FakeProvider], way: str) -> None:
    """1 GB up or down adds under 10 MB."""
    sidecar, provider = own
    piece = b"x" * MIB
    provider.handler = lambda request: reply(200, piece * 100 if way == "down" else b"ok")
    with Wire(sidecar.port) as wire:
        wire.send(b"GET /nobody HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.answer()
    before = _peak_mb(sidecar.pid)
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=30) as app:
        if way == "up":
            app.sendall(
                b"POST /stripe/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (1000 * MIB)
            )
            for _ in range(1000):
                app.sendall(piece)
            assert app.recv(100).startswith(b"HTTP/1.1 200")
        else:
            for _ in range(10):
                app.sendall(_get(sidecar))
                left = None
                buffer = b""
                while left is None or left > 0:
                    data = app.recv(MIB)
                    if left is None:
                        buffer += data
                        if b"\r\n\r\n" in buffer:
                            left = 100 * MIB - len(buffer.partition(b"\r\n\r\n")[2])
                    else:
                        left -= len(data)

    assert _peak_mb(sidecar.pid) - before < 10


def test_a_malformed_chunk_in_two_packets_breaks_at_once(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The end of one chunk and the rubbish after it come together: the app's connection ends broken."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    provider.raw(head + b"2\r\nhi\r", Step.WAIT, b"\nZZ\r\n")
    got = b""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
        app.sendall(b"GET /stripe/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while b"hi" not in got:
            got += app.recv(4096)
        provider.release()
        with contextlib.suppress(ConnectionResetError):
            while piece := app.recv(4096):
                got += piece

    assert b"\r\n0\r\n" not in got
