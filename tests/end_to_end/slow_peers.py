"""A process full of slow peers: apps that send heads and bodies byte by byte, or hardly read, and their provider.

    python slow_peers.py COUNT

It prints the port of its provider. Each line `PORT` on stdin opens COUNT connections to a sidecar there, and
is answered with `open`; an empty line closes them, and is answered with `closed`.
"""

import asyncio
import random
import socket
import sys
from contextlib import suppress

#: Seconds between two bytes of a slow peer, give or take a half: a thousand of them are no choir.
PACE_S = 1.0
#: Seconds until what could be sent at once has been sent.
SETTLE_S = 2
HEAD = b"%b /slow/x HTTP/1.1\r\nHost: localhost\r\n"


async def provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give a long body to whoever reads it; take a long body from whoever sends it."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            while await reader.read(1 << 16):
                pass
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()
    writer.close()


async def connect(port: int, sent: bytes) -> socket.socket:
    """Open one connection and send what it begins with."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(made, ("127.0.0.1", port))
    await loop.sock_sendall(made, sent)
    return made


async def drip(kind: int, port: int, opened: asyncio.Semaphore) -> None:
    """Be slow, and come again when the sidecar has had enough."""
    loop = asyncio.get_running_loop()
    begins = (HEAD % b"GET", HEAD % b"POST" + b"Content-Length: 100000\r\n\r\n", HEAD % b"GET" + b"\r\n")[
        kind
    ]
    while True:
        made = await connect(port, begins)
        opened.release()
        try:
            while True:
                await asyncio.sleep(PACE_S * random.uniform(0.5, 1.5))
                if kind == 2:
                    if not await loop.sock_recv(made, 16):
                        break
                else:
                    await loop.sock_sendall(made, b"x")
        except ConnectionError:
            pass
        finally:
            made.close()


async def main(count: int) -> None:
    """Obey stdin."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16
    )  # the system's would be megabytes for each
    server = await asyncio.start_server(provide, sock=listening)
    print(server.sockets[0].getsockname()[1], flush=True)
    peers: list[asyncio.Task[None]] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            opened = asyncio.Semaphore(0)
            peers = [asyncio.ensure_future(drip(n % 3, int(line), opened)) for n in range(count)]
            for _ in range(count):
                await opened.acquire()
            await asyncio.sleep(SETTLE_S)
            print("open", flush=True)
        else:
            for peer in peers:
                peer.cancel()
            await asyncio.wait(peers)
            print("closed", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
