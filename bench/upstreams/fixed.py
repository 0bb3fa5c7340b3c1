"""The provider of 1 KiB JSON for machines without nginx: one asyncio.Protocol, on uvloop if it is there."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

from bench.wire import json_body

LENGTH = re.compile(rb"(?i)\r\ncontent-length:\s*(\d+)")
CREDENTIAL = re.compile(rb"(?i)\r\nauthorization:[ \t]*([^\r]*)")


def answer(body: bytes) -> bytes:
    """Build a whole response around a body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Fixed(asyncio.Protocol):
    """Answer every request with the same bytes, once its body is there."""

    response = answer(json_body(1024))

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            announced = LENGTH.search(head)
            whole = end + 4 + (int(announced[1]) if announced else 0)
            if len(self._data) < whole:
                return
            self._data = self._data[whole:]
            if head.startswith(b"GET /whoami"):
                seen = CREDENTIAL.search(head)
                self._transport.write(answer(seen[1] if seen else b""))
            else:
                self._transport.write(self.response)


async def main(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Fixed, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(int(sys.argv[1])))
    else:
        uvloop.run(main(int(sys.argv[1])))
