"""Who has left and who only ended its sending, over real sockets."""

import socket
import time

import pytest

from outrider.departure import ask, has_left


def pair(family: int) -> tuple[socket.socket, socket.socket]:
    """Give two ends of one connection."""
    if family == socket.AF_UNIX:
        return socket.socketpair(family)
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        return ours, server.accept()[0]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_who_still_reads_has_not_left(family: int) -> None:
    """The question does not show in what it reads."""
    ours, theirs = pair(family)
    with ours, theirs:
        ours.sendall(b"before, ")
        theirs.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
        ask(ours.fileno(), family)
        ours.sendall(b"after")
        ours.shutdown(socket.SHUT_WR)
        read = b"".join(iter(lambda: theirs.recv(100), b""))

        assert read == b"before, after"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_who_has_closed_has_left(family: int) -> None:
    """That shows a moment after the question."""
    ours, theirs = pair(family)
    with ours:
        theirs.close()
        assert ours.recv(1) == b""
        ask(ours.fileno(), family)
        late = time.monotonic() + 5
        while not has_left(ours.fileno()):
            assert time.monotonic() < late, "not so within 5 s"


def test_half_closed_is_not_left() -> None:
    """However often it is asked."""
    ours, theirs = pair(socket.AF_INET)
    with ours, theirs:
        theirs.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
        for _ in range(3):
            ask(ours.fileno(), socket.AF_INET)

        assert not has_left(ours.fileno())
