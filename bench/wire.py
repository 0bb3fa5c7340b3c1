"""The least HTTP/1.1 over blocking sockets that the benchmark's own readers and senders need."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

TIMEOUT_S = 30.0


class WireError(Exception):
    """A peer closed, stalled or answered what is no HTTP response."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response, and the bytes of the body that came along with it."""

    status: int
    fields: dict[str, str]
    rest: bytes


def connect(port: int, timeout_s: float = TIMEOUT_S) -> socket.socket:
    """Open a connection to a local port, without Nagle's delay."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def request(method: str, path: str, port: int, body: bytes = b"", length: int | None = None) -> bytes:
    """Build a request; `length` announces a body that is sent later."""
    announced = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: */*"]
    if announced or method == "POST":
        lines += [f"Content-Length: {announced}", "Content-Type: application/json"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_head(sock: socket.socket) -> Head:
    """Read up to the end of the response's head."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = sock.recv(65536)
        except OSError as exc:
            raise WireError(f"no response: {exc}") from exc
        if not piece:
            raise WireError("the connection was closed before a response came")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    try:
        return Head(int(start.split(" ")[1]), fields, rest)
    except (IndexError, ValueError) as exc:
        raise WireError(f"not an HTTP response: {start[:60]!r}") from exc


def _read_chunked(sock: socket.socket, data: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in data:
            data += _more(sock)
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        while len(data) < size + 2:
            data += _more(sock)
        if not size:
            return body
        body, data = body + data[:size], data[size + 2 :]


def _more(sock: socket.socket) -> bytes:
    piece = sock.recv(65536)
    if not piece:
        raise WireError("the connection was closed in the middle of a body")
    return piece


def exchange(sock: socket.socket, message: bytes) -> tuple[int, bytes]:
    """Send a request on an open connection and read its whole, small response."""
    sock.sendall(message)
    head = read_head(sock)
    if "chunked" in head.fields.get("transfer-encoding", ""):
        return head.status, _read_chunked(sock, head.rest)
    body = head.rest
    while len(body) < int(head.fields.get("content-length", "0")):
        body += _more(sock)
    return head.status, body


def fetch(
    port: int, path: str, method: str = "GET", body: bytes = b"", timeout_s: float = TIMEOUT_S
) -> tuple[int, bytes]:
    """Make one call on a connection of its own."""
    try:
        with connect(port, timeout_s) as sock:
            return exchange(sock, request(method, path, port, body))
    except OSError as exc:
        raise WireError(str(exc)) from exc


def json_body(size: int) -> bytes:
    """Make a JSON object of exactly `size` bytes."""
    frame = len(json.dumps({"object": "charge", "filler": ""}))
    return json.dumps({"object": "charge", "filler": "x" * (size - frame)}).encode()
