"""The last answer of a connection arrives, over real sockets."""

import asyncio
import socket
from contextlib import suppress

import pytest

from outrider import farewell
from outrider.farewell import LINGER_BYTES, Farewell

ANSWER = b"HTTP/1.1 403 Forbidden\r\n\r\n"


async def part(family: socket.AddressFamily) -> tuple[socket.socket, asyncio.Event]:
    """Give the socket of an app that was answered and parted from, and what is set when that is over."""
    loop = asyncio.get_running_loop()
    if family == socket.AF_UNIX:
        app, ours = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            app = socket.create_connection(listening.getsockname())
            ours, _ = listening.accept()
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
    over = asyncio.Event()
    transport.write(ANSWER)
    Farewell(transport, lambda _: over.set())
    app.setblocking(False)
    return app, over


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
async def test_an_app_that_sends_only_now_gets_its_answer(family: socket.AddressFamily) -> None:
    """No reset and no broken pipe takes it away; and when the app closes, it is over."""
    loop = asyncio.get_running_loop()
    app, over = await part(family)
    with app:
        for _ in range(3):
            await loop.sock_sendall(app, b"x" * 100_000)
        answer = await loop.sock_recv(app, 1000)
        end = await loop.sock_recv(app, 1000)
        was_over = over.is_set()

    assert (answer, end, was_over) == (ANSWER, b"", False)
    await asyncio.wait_for(over.wait(), 5)


async def test_an_app_that_sends_without_end_is_cut_off() -> None:
    """Once it has sent what may be the rest of a request."""
    loop = asyncio.get_running_loop()
    app, over = await part(socket.AF_INET)
    with app:
        sent = 0
        with suppress(ConnectionError):
            while sent < 100 * LINGER_BYTES:
                await loop.sock_sendall(app, b"x" * 100_000)
                sent += 100_000
        await asyncio.wait_for(over.wait(), 5)

    assert LINGER_BYTES < sent < 100 * LINGER_BYTES


async def test_an_app_that_stays_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """LINGER_S is all the time that it has."""
    monkeypatch.setattr(farewell, "LINGER_S", 0.0)
    app, over = await part(socket.AF_INET)
    with app:
        await asyncio.wait_for(over.wait(), 5)
