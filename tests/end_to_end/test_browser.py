"""Real Chromium opens hostile pages while Outrider runs: whatever they try, the provider sees nothing.

A server without any defence stands beside it. It hears from every one of the page's attempts, so none of
them is silent for a reason of the browser's.
"""

import http.server
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import pytest

from outrider.testing import FakeProvider, Sidecar

pytestmark = pytest.mark.long

PAGE = (Path(__file__).parent / "hostile.html").read_bytes()
CONFIG = """
[integrations.stripe]
base_url = "{url}"
listen = "127.0.0.1:0"
websocket = true
auth = {{ type = "bearer", token = "env:KEY" }}
"""
#: The browser's own rules about local addresses are off: they are not Outrider's, and other browsers have none.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,HttpsUpgrades",
    "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP rebind.example 127.0.0.2",
)


class Evil:
    """Serves the page and takes its report. Anything else goes on to `then`: the name has been rebound."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, then: int = 0) -> None:
        self.report: Any = None
        self.reported = threading.Event()
        self._then = then
        self._listening = socket.create_server((address, port), backlog=512)
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(1 << 16)
                if not piece:
                    return
                head += piece
            if head.startswith(b"GET /page"):
                answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
                connection.sendall(answer + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
            elif head.startswith(b"POST /report"):
                head, _, body = head.partition(b"\r\n\r\n")
                length = next(
                    int(line[15:])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                while len(body) < length:
                    body += connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                self.report = json.loads(body)
                self.reported.set()
            elif b" /redirect?" in head[:20]:
                to = head.partition(b"/redirect?")[2].partition(b" ")[0]
                answer = b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nConnection: close\r\n"
                connection.sendall(answer + b"Location: %b\r\n\r\n" % to)
            elif self._then:
                with socket.create_connection(("127.0.0.1", self._then)) as there:
                    there.sendall(head)
                    threading.Thread(target=_pipe, args=(connection, there), daemon=True).start()
                    _pipe(there, connection)


def _pipe(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


@contextmanager
def undefended() -> Iterator[tuple[str, set[str]]]:
    """A server that answers whatever comes: its URL, and the attempts that it heard of."""
    heard: set[str] = set()

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.add(urlsplit(self.path).path.rpartition("/")[2])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_DELETE = do_OPTIONS = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    thread.join()
    server.server_close()


def browse(url: str, bases: list[str], folder: Path) -> tuple[set[str], list[list[str]]]:
    """Open the page in a new browser; its attempts, and what it could read of their answers."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    with Evil() as listening:
        told = quote(json.dumps([f"http://127.0.0.1:{listening.port}/report", bases]))
        browser = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={folder}", f"{url}/page#{told}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert listening.reported.wait(90), "the page did not report"
        finally:
            browser.terminate()
            browser.wait()
    vectors, seen = listening.report
    return set(vectors), seen


def ports_of(sidecar: Sidecar) -> tuple[str, str, str]:
    proxy, own, admin = (url.rpartition(":")[2] for url in sidecar.urls)
    return proxy, own, admin


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=provider.url), env={"KEY": "the-key-of-stripe"}) as started:
        yield started


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "evil.localhost", "evil.example"])
def test_a_page_of_another_origin(
    name: str, sidecar: Sidecar, provider: FakeProvider, tmp_path: Path
) -> None:
    """Another port of this machine, a name below localhost, or another site: nothing is sent, nothing read."""
    proxy, own, admin = ports_of(sidecar)
    bases = [
        *(f"http://{host}:{proxy}/stripe" for host in ("127.0.0.1", "localhost", "0.0.0.0")),
        f"http://stripe.localhost:{proxy}",
        f"http://127.0.0.1:{own}",
        *(f"http://127.0.0.1:{admin}/{page}" for page in ("metrics?", "api/integrations?", "api/jobs?")),
    ]
    before = sidecar.metric("outrider_requests_total", status="4xx")
    with Evil() as evil, undefended() as (control, heard):
        vectors, seen = browse(f"http://{name}:{evil.port}", [control, *bases], tmp_path)
    refused = sidecar.metric("outrider_requests_total", status="4xx") - before

    assert heard == vectors
    assert [request.target for request in provider.requests] == []
    assert {said for _, base, said in seen if base != control} <= {"refused", "opaque 0 "}
    assert refused > 3 * len(vectors)
    assert sidecar.metric("outrider_requests_total", status="2xx") == 0


@pytest.mark.parametrize("listener", ["proxy", "own", "admin"])
def test_a_name_that_is_bound_anew(
    listener: str, sidecar: Sidecar, provider: FakeProvider, tmp_path: Path
) -> None:
    """DNS rebinding: to the browser Outrider is the page's own origin. It answers 421 to all, and no more."""
    port = int(ports_of(sidecar)[["proxy", "own", "admin"].index(listener)])
    base = {"proxy": "/stripe", "own": "", "admin": "/api/integrations?"}[listener]
    origin = f"http://rebind.example:{port}"
    with Evil("127.0.0.2", port, then=port):
        vectors, seen = browse(origin, [origin + base], tmp_path)

    read = [said for vector, _, said in seen if vector.startswith("fetch")]
    assert len(read) == sum(vector.startswith("fetch") for vector in vectors)
    assert {said[:10] for said in read} == {"basic 421 "}
    assert [request.target for request in provider.requests] == []


def test_opening_the_console_is_allowed(sidecar: Sidecar, tmp_path: Path) -> None:
    """By its address, by who sits there: what the rules are not against."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    ended = subprocess.run(
        [
            chromium,
            *FLAGS,
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            sidecar.admin_url,
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )

    assert "stripe" in ended.stdout
