"""Pieces of a body that go on in the socket's own callback, without a task that is woken for each."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from outrider.errors import BrokenBody
from outrider.tasks import spawn
from outrider.transport.deadlines import Deadlines
from outrider.transport.protocol import READ_BUFFER, Protocol
from outrider.transport.upstream import Content

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Wire(asyncio.Transport):
    """A provider's connection on which a test says what comes, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The request."""

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def abort(self) -> None:
        self.closed = True

    close = abort


class Pool:
    """Takes connections back."""

    def __init__(self) -> None:
        self.back: list[str] = []

    def put_back(self, _: Protocol) -> None:
        self.back.append("whole")

    def drop(self, _: Protocol) -> None:
        self.back.append("cut off")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def begun(idle_s: float = 60.0) -> tuple[Protocol, Wire, Content, Pool]:
    """Give a connection on which the head of a chunked response has come."""
    loop = asyncio.get_running_loop()
    protocol, wire, pool = Protocol(loop, Deadlines(loop)), Wire(), Pool()
    protocol.connection_made(wire)
    head = protocol.begin(head_only=False)
    protocol.data_received(HEAD)
    came = await head
    assert isinstance(came, tuple)
    return protocol, wire, Content(cast(Any, pool), protocol, came[1], None, idle_s), pool


def taken(got: list[bytes]) -> Callable[[bytes], bool]:
    """Give what wants everything."""

    def into(piece: bytes) -> bool:
        got.append(piece)
        return True

    return into


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_pieces_are_handed_over_as_they_arrive() -> None:
    """Before `data_received` returns, from the second on; the end tells that this was all."""
    protocol, _, content, pool = await begun()
    got: list[bytes] = []
    pouring = spawn(content.pour(taken(got)), name="pour")
    await turns()
    protocol.data_received(chunk(b"1"))
    await turns()
    seen = []
    for data in (chunk(b"2"), chunk(b"3") + chunk(b"4"), chunk(b"5") + END):
        protocol.data_received(data)
        seen.append(list(got))

    assert seen == [[b"1", b"2"], [b"1", b"2", b"34"], [b"1", b"2", b"34", b"5"]]
    assert await pouring is True
    content.close()
    assert pool.back == ["whole"]


async def test_who_wants_no_more_gets_no_more() -> None:
    """What comes meanwhile waits, the provider is held back, and all of it follows in its order."""
    protocol, wire, content, _ = await begun()
    got: list[bytes] = []

    def into(piece: bytes) -> bool:
        got.append(piece)
        return len(got) % 2 == 1

    pouring = spawn(content.pour(into), name="pour")
    await turns()
    sent = [b"%d" % number * 30_000 for number in range(10)]
    for data in sent[:2]:
        protocol.data_received(chunk(data))
        await turns()
    assert await pouring is False
    for data in sent[2:]:
        protocol.data_received(chunk(data))
    held_back = not wire.reads
    protocol.data_received(END)
    asked = 1
    while not await content.pour(into):
        asked += 1
        assert asked < 100, "it goes round in circles"

    assert held_back
    assert b"".join(got) == b"".join(sent)


@pytest.mark.parametrize("seed", range(20))
async def test_the_order_is_kept_whatever_the_sizes(seed: int) -> None:
    """Also where the parser stops in the middle of what came, and goes on when a piece is taken."""
    dice = random.Random(seed)
    protocol, _, content, _ = await begun()
    body = dice.randbytes(12 * READ_BUFFER)
    stream, at = b"", 0
    while at < len(body):
        size = dice.choice((1, 100, 30_000, 3 * READ_BUFFER))
        stream += chunk(body[at : at + size])
        at += size
    stream += END
    got: list[bytes] = []

    def into(piece: bytes) -> bool:
        got.append(piece)
        return dice.random() < 0.7

    async def all_of_it() -> None:
        while not await content.pour(into):
            await turns()

    pouring = spawn(all_of_it(), name="pour")
    at = 0
    while at < len(stream):
        size = dice.choice((10, 1000, 4 * READ_BUFFER))
        protocol.data_received(stream[at : at + size])
        at += size
        if dice.random() < 0.5:
            await asyncio.sleep(0)
    await asyncio.wait_for(pouring, 5)

    assert b"".join(got) == body


@pytest.mark.parametrize("how", ["breaks off", "is malformed", "is silent"])
async def test_a_body_that_is_not_whole_is_broken(how: str) -> None:
    """After what came before it was handed over."""
    protocol, _, content, pool = await begun(idle_s=0.01 if how == "is silent" else 60.0)
    got: list[bytes] = []
    pouring = spawn(content.pour(taken(got)), name="pour")
    await turns()
    protocol.data_received(chunk(b"1"))
    await turns()
    protocol.data_received(chunk(b"2"))
    if how == "breaks off":
        protocol.connection_lost(None)
    elif how == "is malformed":
        protocol.data_received(b"rubbish\r\n")
    with pytest.raises(BrokenBody):
        await asyncio.wait_for(pouring, 5)
    content.close()

    assert (got, pool.back) == ([b"1", b"2"], ["cut off"])


async def test_nothing_is_handed_over_once_it_is_cancelled() -> None:
    """An app that left gets nothing more, and the connection is cut off."""
    protocol, _, content, pool = await begun()
    got: list[bytes] = []
    pouring = spawn(content.pour(taken(got)), name="pour")
    await turns()
    protocol.data_received(chunk(b"1"))
    await turns()
    pouring.cancel()
    await turns()
    protocol.data_received(chunk(b"2"))
    content.close()

    assert (pouring.cancelled(), got, pool.back) == (True, [b"1"], ["cut off"])
