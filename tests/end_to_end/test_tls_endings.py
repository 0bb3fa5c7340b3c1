"""How a provider's TLS ends: by its own word, or cut off below, which anybody on the way can do."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificate import make_certificate
from end_to_end.raw import Wire
from outrider.testing import Sidecar

OK = b"HTTP/1.1 200 OK\r\nDate: today\r\n"


class Provider:
    """Answers each connection once, by the path that is asked for: /told/... or /cut/..., then the framing."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(cert, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._context.wrap_socket(connection, server_side=True) as tls:
                _, how, framing = tls.recv(65536).split(b" ")[1].decode().split("/")
                tls.sendall(OK + FRAMED[framing])
                if how == "told":
                    tls.unwrap()
                else:
                    with socket.socket(fileno=tls.detach()) as below:
                        below.shutdown(socket.SHUT_RDWR)


FRAMED = {
    "length": b"Content-Length: 5\r\n\r\nhello",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "end": b"\r\nhello",
}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    cert, key = make_certificate(tmp_path_factory.mktemp("tls"))
    provider = Provider(cert, key)
    text = f"""
[integrations.a]
base_url = "https://localhost:{provider.port}"
auth = {{ type = "none" }}
tls = {{ ca = "{cert}" }}
retry = {{ attempts = 1 }}
"""
    with Sidecar(text) as started:
        yield started
    provider.close()


@pytest.mark.parametrize("framing", FRAMED)
@pytest.mark.parametrize("how", ["told", "cut"])
def test_a_body_that_ends_with_tls_is_whole_if_tls_says_so(sidecar: Sidecar, how: str, framing: str) -> None:
    """One that was cut off is broken at the app, too, where nothing else says that it is whole."""
    with Wire(sidecar.port) as wire:
        wire.send(f"GET /a/{how}/{framing} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = wire.answer()

    assert answer.status == 200
    assert b"hello".startswith(answer.body)
    assert answer.complete is (how == "told" or framing != "end")
