"""Each timeout of an integration, and what the app is told."""

import socket
import time

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step, sse

CONFIG = """
[integrations.slow]
base_url = "{url}"
timeout = {{ {timeout} }}
retry = {{ attempts = 1 }}
[integrations.slow.auth]
type = "none"
"""
GET = b"GET /slow/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _ask(timeout: str, *steps: object, sent: bytes = GET) -> tuple[object, FakeProvider]:
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, timeout=timeout)) as sidecar:
        if steps:
            provider.raw(*steps)  # type: ignore[arg-type]
        with Wire(sidecar.port) as wire:
            wire.send(sent)
            return wire.answer(), provider


def test_response() -> None:
    """A provider that does not answer in time is a 504."""
    answer, _ = _ask('response = "200ms"', Step.WAIT)

    assert answer.status == 504
    assert "http_response_timeout" in answer.header("Proxy-Status")


def test_total() -> None:
    """`total` bounds what `response` would allow."""
    answer, _ = _ask('response = "60s", total = "200ms"', Step.WAIT)

    assert answer.status == 504


def test_idle_ends_a_stream_broken() -> None:
    """A body that stops coming is never complete."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    answer, _ = _ask('idle = "200ms"', head, Step.WAIT)

    assert (answer.status, answer.body, answer.complete) == (200, b"hello", False)


def test_idle_ends_an_upload_that_stalls() -> None:
    """An app that stops sending its body gets a 408, and the provider's connection is cut off."""
    answer, _ = _ask(
        'idle = "200ms"', sent=b"POST /slow/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
    )

    assert answer.status == 408


def test_connect() -> None:
    """A provider that accepts no connection is a 504; its backlog is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        config = CONFIG.format(url=f"http://127.0.0.1:{port}", timeout='connect = "300ms"')
        with Sidecar(config) as sidecar, Wire(sidecar.port) as wire:
            wire.send(GET)
            answer = wire.answer()
        for one in waiting:
            one.close()

    assert answer.status == 504
    assert "connection_timeout" in (answer.header("Proxy-Status") or "")


def test_nobody_listens() -> None:
    """A refused connection is a 502 that says so."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    config = CONFIG.format(url=f"http://127.0.0.1:{port}", timeout="")
    with Sidecar(config) as sidecar, Wire(sidecar.port) as wire:
        wire.send(GET)
        answer = wire.answer()

    assert answer.status == 502
    assert "connection_refused" in (answer.header("Proxy-Status") or "")


def test_a_reader_that_stalls_is_cut_off() -> None:
    """An app that takes nothing for `idle` loses its connection, and the provider's goes too."""
    with (
        FakeProvider() as provider,
        Sidecar(CONFIG.format(url=provider.url, timeout='idle = "300ms"')) as sidecar,
    ):
        provider.reply(200, b"x" * (64 << 20))
        with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
            app.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            app.sendall(GET)
            provider.until(lambda: bool(provider.requests))
            provider.until(lambda: provider.is_closed(provider.requests[0].connection))


def test_a_head_has_ten_seconds() -> None:
    """A head that does not come to its end is a 408 after 10 s, though bytes keep coming."""
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, timeout="")) as sidecar:
        started = time.monotonic()
        with Wire(sidecar.port, timeout_s=15) as wire:
            wire.send(b"GET /slow/x HT")
            answer = wire.answer()
        took = time.monotonic() - started

    assert answer.status == 408
    assert 9 < took < 13
    assert provider.requests == []


def test_sse_outlives_total() -> None:
    """`total` ends with the head: a stream may go on."""
    with (
        FakeProvider() as provider,
        Sidecar(CONFIG.format(url=provider.url, timeout='total = "300ms"')) as sidecar,
    ):
        provider.stream(sse("one"), Step.WAIT, sse("two"))
        with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
            app.sendall(GET)
            seen = app.recv(4096)
            until = time.monotonic() + 0.6
            while time.monotonic() < until:
                sidecar.metric("outrider_in_flight", integration="slow")
            provider.release()
            while not seen.endswith(b"0\r\n\r\n"):
                seen += app.recv(4096)

    assert b"two" in seen


def test_total_covers_connecting() -> None:
    """A provider whose TLS says nothing takes no longer than `total`, whatever `connect` allows."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with Sidecar(CONFIG.format(url=url, timeout='connect = "9s", total = "200ms"')) as sidecar:
            began = time.monotonic()
            with Wire(sidecar.port) as wire:
                wire.send(GET)
                answer = wire.answer()

    assert answer.status == 504
    assert time.monotonic() - began < 5


def test_total_holds_the_sandbox_too() -> None:
    """A provider inside Outrider has no more time than one outside."""
    config = """
[integrations.slow]
provider = "sandbox"
auth = { type = "bearer", token = "cmd:echo sandbox-key" }
timeout = { total = "200ms" }
retry = { attempts = 1 }
"""
    with Sidecar(config) as sidecar, Wire(sidecar.port) as wire:
        wire.send(GET.replace(b"/slow/x", b"/slow/delay/30"))
        began = time.monotonic()
        answer = wire.answer()

    assert answer.status == 504
    assert time.monotonic() - began < 5
