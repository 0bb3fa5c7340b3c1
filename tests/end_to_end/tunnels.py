"""Both ends of a tunnel: as bare sockets, and as a real client and server of WebSockets."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from outrider.testing import Sidecar

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # both of RFC 6455 section 1.3
HANDSHAKE = (
    "GET /a/v1/live?x=%2F HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n"
    f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{{more}}\r\n"
)
SWITCH = (
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\nX-Request-Id: 7\r\nOutrider-Fake: 1\r\n\r\n"
)


class RawProvider:
    """A listening socket: takes connections one by one and reads their heads; the test does the rest."""

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(5)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def accept(self) -> tuple[socket.socket, str]:
        connection, _ = self._listening.accept()
        connection.settimeout(5)
        return connection, head_of(connection)


def head_of(connection: socket.socket) -> str:
    """Read up to the end of a head, and no byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"ended after {head!r}"
        head += byte
    return head.decode()


def app(port: int, more: str = "", then: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(HANDSHAKE.format(more=more).encode() + then)
    return connection


@contextmanager
def tunnel(started: Sidecar, provider: RawProvider) -> Iterator[tuple[socket.socket, socket.socket]]:
    """An open tunnel: the app's end and the provider's."""
    with app(started.port) as near:
        far, _ = provider.accept()
        with far:
            far.sendall(SWITCH.encode())
            assert head_of(near).startswith("HTTP/1.1 101 ")
            yield near, far


def is_over(connection: socket.socket) -> bool:
    """Whether the other side ends or resets the connection; TimeoutError where it does neither."""
    with suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


class Echo:
    """A real WebSocket server that answers with what it gets."""

    def __init__(
        self,
        decide: Callable[[ServerConnection, Request], Response | None] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.closed: list[tuple[int, str]] = []
        self._decide = decide
        self._tls = tls

    def __enter__(self) -> Self:
        self._server = serve(
            self._answer,
            "127.0.0.1",
            0,
            process_request=self._look,
            subprotocols=[Subprotocol("realtime")],
            max_size=None,
            ssl=self._tls,
        )
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()

    def _look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return self._decide(connection, request) if self._decide is not None else None

    def _answer(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)
        assert connection.close_code is not None
        self.closed.append((connection.close_code, connection.close_reason or ""))


def call(port: int, path: str = "/a/v1/live", **fields: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}{path}",
        additional_headers={name.replace("_", "-"): value for name, value in fields.items()},
        subprotocols=[Subprotocol("realtime")],
        max_size=None,
        proxy=None,
    )
