"""The provider of events and bulk: a thread for each connection, so that each stream keeps its own pace.

- `GET /whoami`: the Authorization field that came
- `GET /events?every_ms=5&offset_ms=0`: Server-Sent Events without end, one chunk and one write for each
- `GET /bytes?count=N`: N bytes
- `POST /sink?stall_s=S`: waits S seconds, then reads the body and answers with its length
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from io import BufferedReader
from urllib.parse import parse_qs, urlsplit

PIECE = b"0123456789abcdef" * 8192  # 128 KiB


def event(now_ns: int) -> bytes:
    """Make one event of 40 bytes as one chunk; it carries when it was sent, by the monotonic clock."""
    body = b'data: {"t":%020d,"d":1}\n\n' % now_ns
    return b"%x\r\n%s\r\n" % (len(body), body)


def send_events(sock: socket.socket, every_s: float, offset_s: float) -> None:
    """Send events at a steady pace until the reader goes away; one that is late is not made up for."""
    sock.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    due = time.monotonic() + offset_s
    while True:
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        sock.sendall(event(time.monotonic_ns()))
        due = max(due + every_s, now)


def send_bytes(sock: socket.socket, count: int) -> None:
    """Send a body of `count` bytes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {count}\r\n\r\n"
    sock.sendall(head.encode())
    piece = memoryview(PIECE)
    while count:
        now = min(count, len(piece))
        sock.sendall(piece[:now])
        count -= now


def drain(stream: BufferedReader, head: dict[str, str]) -> int:
    """Read a request body to its end without keeping it; returns how long it was."""
    if "chunked" not in head.get("transfer-encoding", ""):
        return skip(stream, int(head.get("content-length", "0")))
    length = 0
    while size := int(stream.readline().split(b";")[0], 16):
        length += size
        skip(stream, size + 2)
    stream.readline()
    return length


def skip(stream: BufferedReader, count: int) -> int:
    """Read `count` bytes and drop them."""
    buffer = memoryview(bytearray(1 << 18))
    left = count
    while left:
        got = stream.readinto(buffer[: min(left, len(buffer))])
        if not got:
            raise ConnectionError
        left -= got
    return count


def serve(sock: socket.socket, stream: BufferedReader) -> None:
    """Answer one connection's requests, one after the other."""
    while start := stream.readline():
        head = {}
        while line := stream.readline().strip().decode("latin-1"):
            name, _, value = line.partition(":")
            head[name.lower()] = value.strip()
        target = urlsplit(start.split(b" ")[1].decode("latin-1"))
        query = {name: float(values[0]) for name, values in parse_qs(target.query).items()}
        if target.path == "/events":
            send_events(sock, query["every_ms"] / 1000, query["offset_ms"] / 1000)
        elif target.path == "/bytes":
            send_bytes(sock, int(query["count"]))
        else:
            time.sleep(query.get("stall_s", 0))
            length = drain(stream, head)
            body = b"%d" % length if target.path == "/sink" else head.get("authorization", "").encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def answer(sock: socket.socket) -> None:
    """Serve one connection until its other end goes away."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), sock, sock.makefile("rb") as stream:
        serve(sock, stream)


def main(port: int) -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", port), backlog=1024) as server:
        while True:
            sock, _ = server.accept()
            threading.Thread(target=answer, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
