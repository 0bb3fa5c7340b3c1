"""The app's side of a connection, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp.streams import StreamReader

from outrider import connection as module
from outrider import departure
from outrider.config import Listen
from outrider.connection import Connection
from outrider.errors import OutriderError
from outrider.listener import Listener
from outrider.reading import HEAD_S
from outrider.refusals import MAX_FIELDS, MAX_HEAD, MAX_LINE

Handle = Callable[[Connection, Any, StreamReader], Awaitable[bool]]
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


class Server:
    """Stands in for `outrider.server.Server`: answers by `handle`, else with what it was asked."""

    def __init__(self, handle: Handle | None = None, *, room: bool = True) -> None:
        self.room = room
        self.seen: list[Any] = []
        self.left = asyncio.Event()
        self._handle = handle

    def opened(self) -> bool:
        return self.room

    def closed(self) -> None:
        self.left.set()

    async def handle(self, connection: Connection, message: Any, payload: StreamReader) -> bool:
        self.seen.append(message)
        if self._handle is not None:
            return await self._handle(connection, message, payload)
        if isinstance(message, OutriderError):
            say(connection, f"{message.status}".encode())
            return False
        say(connection, message.path.encode())
        return True


class Wire:
    """The app's end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: Listener
    ) -> None:
        self.reader, self.writer, self.listener = reader, writer, listener

    @property
    def connection(self) -> Connection:
        return next(iter(self.listener._open))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def deliver(self, *pieces: bytes) -> None:
        """Have each piece arrive by itself, as no socket promises; nothing arrives after a refusal."""
        connection = self.connection
        for piece in pieces:
            if connection.transport is not None and connection.transport.is_reading():
                connection.data_received(piece)

    async def line(self) -> bytes:
        return (await asyncio.wait_for(self.reader.readline(), 5)).removesuffix(b"\n")

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 5)

    async def until(self, claim: Callable[[], bool]) -> None:
        """Wait until something is so at the other end, which runs in this same loop."""
        late = asyncio.get_running_loop().time() + 5
        while not claim():
            assert asyncio.get_running_loop().time() < late, "not so within 5 s"
            await asyncio.sleep(0)


def say(connection: Connection, text: bytes) -> None:
    connection.write(text + b"\n")


@asynccontextmanager
async def wire(server: Server) -> AsyncIterator[Wire]:
    listener = Listener(Listen("127.0.0.1", 0), server)  # type: ignore[arg-type]
    await listener.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    one = Wire(reader, writer, listener)
    await one.until(lambda: bool(listener._open) or server.left.is_set())
    try:
        yield one
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        listener.close()
        listener.abort()
        await asyncio.wait_for(server.left.wait(), 5)


async def test_requests_of_one_connection_are_answered_in_order() -> None:
    """One after the other, however many come at once and however they are cut."""
    async with wire(Server()) as app:
        heads = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(300))
        app.send(heads[:5000])
        app.send(heads[5000:])

        assert [await app.line() for _ in range(300)] == [b"/%d" % number for number in range(300)]


async def test_only_one_is_answered_at_a_time() -> None:
    """A pipelined request waits for the answer to the one before it."""
    go = asyncio.Event()

    async def slow(connection: Connection, message: Any, payload: StreamReader) -> bool:
        await go.wait()
        say(connection, message.path.encode())
        return True

    async with wire(server := Server(slow)) as app:
        app.send(GET + GET)
        await app.until(lambda: bool(server.seen))
        for _ in range(10):
            await asyncio.sleep(0)
        begun = len(server.seen)
        go.set()

        assert (begun, [await app.line(), await app.line()]) == (1, [b"/x", b"/x"])


LONG = b"x" * (MAX_LINE + 1)
TEN = b"A: %b\r\n" % (b"x" * 10_000)
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + b"y\n" * 10_000

REFUSED = [
    pytest.param(b"GET / HTTP/1.1\r\nHost a\r\n\r\n", 400, id="no-colon"),
    pytest.param(b"\x16\x03\x01\x02\x00", 400, id="tls"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two-hosts"),
    pytest.param(GET[:-2] + b"A: %b\r\nno colon\r\n\r\n" % LONG[:15_000], 400, id="no-colon-after-much"),
    pytest.param(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % LONG, 414, id="line"),
    pytest.param(b"GET /" + LONG * 2, 414, id="line-without-end"),
    pytest.param(b"\r\n\r\nGET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % LONG, 414, id="line-after-empty-ones"),
    pytest.param(b"GET /%b HTTP/1.1\r\nHost: a\r\nA: %b\r\n\r\n" % (LONG, LONG), 414, id="line-and-field"),
    pytest.param(b"GET /%b HTTP/1.1\r\nHost: a\r\nA: %b\r\n\r\n" % (LONG[:16_000], LONG), 431, id="field-after-line"),
    pytest.param(GET[:-2] + b"A: %b\r\n\r\n" % LONG, 431, id="field"),
    pytest.param(GET[:-2] + b"A: %b" % LONG * 2, 431, id="field-without-end"),
    pytest.param(GET[:-2] + b"%b: a\r\n\r\n" % LONG, 431, id="name"),
    pytest.param(GET[:-2] + b"A: b\r\n" * MAX_FIELDS + b"\r\n", 431, id="fields"),
    pytest.param(GET[:-2] + TEN * 4 + b"\r\n", 431, id="in-all"),
    pytest.param(GET[:-2] + TEN * 4, 431, id="in-all-without-end"),
]  # fmt: skip


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Cut what is sent into pieces: of one size, and in two around each end of a line."""
    for size in (997, 8192, MAX_LINE, len(data)):
        yield [data[begin : begin + size] for begin in range(0, len(data), size)]
    ends = [index for index, byte in enumerate(data) if byte == ord("\n")]
    for end in (*ends[:4], *ends[-3:]):
        for middle in (end - 1, end, end + 1):
            yield [data[:middle], data[middle:]]


@pytest.mark.parametrize(("sent", "status"), REFUSED)
async def test_what_is_no_request_is_refused(sent: bytes, status: int) -> None:
    """By the status that fits, however it is cut into packets, and nothing after it is answered."""
    for pieces in cuts(sent):
        async with wire(server := Server()) as app:
            app.deliver(*pieces)

            assert await app.rest() == b"%d\n" % status
            assert [error.status for error in server.seen] == [status]


@pytest.mark.parametrize(("sent", "status"), [each for each in REFUSED if each.id != "in-all-without-end"])
async def test_what_follows_a_request_is_refused_likewise(sent: bytes, status: int) -> None:
    """Its beginning may come with the end of the request before, which is answered all the same."""

    async def reads(connection: Connection, message: Any, payload: StreamReader) -> bool:
        if isinstance(message, OutriderError):
            say(connection, b"%d" % message.status)
            return False
        say(connection, b"read %d" % len(await payload.read()))
        return True

    for begin in range(0, len(sent), 4999):
        async with wire(Server(reads)) as app:
            app.deliver(GET + POST[:9000], POST[9000:] + sent[:begin], sent[begin:])

            assert await app.rest() == b"read 0\nread 20000\n%d\n" % status


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501), (b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n", 400)],
)
async def test_what_llhttp_knows_and_http_does_not_is_refused(sent: bytes, status: int) -> None:
    """Another method, another protocol."""
    async with wire(Server()) as app:
        app.deliver(sent)

        assert await app.rest() == b"%d\n" % status


async def test_the_largest_head_is_let_through() -> None:
    """A line of 16 KiB, 32 KiB in all, however they are cut."""
    line = b"GET /%b HTTP/1.1\r\nHost: a\r\n" % LONG[: MAX_LINE - 2]
    large = line + b"A: %b\r\n\r\n" % LONG[: MAX_HEAD - MAX_LINE - 30]
    for pieces in cuts(large):
        async with wire(Server()) as app:
            app.deliver(*pieces)

            assert len(await app.line()) == MAX_LINE - 1


async def test_a_large_head_in_a_pipeline_is_refused_in_its_turn() -> None:
    """The request before it is answered first."""
    large = GET[:-2] + b"A: %b\r\n" % (b"x" * 10_000) * 4 + b"\r\n"
    async with wire(Server()) as app:
        app.send(GET + large + GET)

        assert await app.rest() == b"/x\n431\n"


async def test_a_large_body_is_no_large_head() -> None:
    """What counts is the head alone."""

    async def reads(connection: Connection, message: Any, payload: StreamReader) -> bool:
        say(connection, b"%d" % len(await payload.read()))
        return True

    async with wire(Server(reads)) as app:
        app.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
        app.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % MAX_HEAD + b"x" * MAX_HEAD)

        assert [await app.line(), await app.line()] == [b"200000", b"%d" % MAX_HEAD]


async def test_a_head_has_ten_seconds() -> None:
    """They begin with its first byte; what comes in time stops the clock."""
    async with wire(Server()) as app:
        app.send(GET[:10])
        await app.until(lambda: app.connection._head_timer is not None)
        timer = app.connection._head_timer
        assert timer is not None
        left_s = timer.when() - asyncio.get_running_loop().time()
        app.send(GET[10:])
        assert await app.line() == b"/x"
        stopped = timer.cancelled(), app.connection._head_timer

    assert 0 < left_s <= HEAD_S == 10
    assert stopped == (True, None)


async def test_a_late_head_is_a_408() -> None:
    """And the connection ends."""
    async with wire(Server()) as app:
        app.send(GET[:10])
        await app.until(lambda: app.connection._head_timer is not None)
        app.connection._head_late()

        assert await app.rest() == b"408\n"


async def test_a_head_that_begins_in_the_piece_before_is_timed() -> None:
    """What comes after a request's end is the next head; line ends between the two are nothing."""
    async with wire(Server()) as app:
        app.send(GET + b"\r\n")
        assert await app.line() == b"/x"
        idle = app.connection._head_timer
        app.send(GET + GET[:10])
        assert await app.line() == b"/x"
        begun = app.connection._head_timer
        app.send(GET[10:])
        assert await app.line() == b"/x"
        done = app.connection._head_timer

    assert (idle, done) == (None, None)
    assert begun is not None
    assert begun.cancelled()


async def test_who_ends_its_sending_is_answered() -> None:
    """What had come in whole is answered, also later; then the connection ends."""
    go = asyncio.Event()

    async def slow(connection: Connection, message: Any, payload: StreamReader) -> bool:
        await go.wait()
        say(connection, message.path.encode())
        return True

    async with wire(Server(slow)) as app:
        app.send(GET + GET)
        app.writer.write_eof()
        await app.until(lambda: app.connection.ended)
        await asyncio.sleep(2 * departure.ANSWER_S)
        go.set()

        assert await app.rest() == b"/x\n/x\n"


@pytest.mark.parametrize(
    "sent", [b"", GET[:10], b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"]
)
async def test_who_ends_its_sending_too_early_is_let_go(sent: bytes) -> None:
    """Nothing whole is there to be answered."""
    seen = asyncio.Event()

    async def waiting(connection: Connection, message: Any, payload: StreamReader) -> bool:
        seen.set()
        await asyncio.sleep(60)
        return True

    async with wire(server := Server(waiting)) as app:
        app.send(sent)
        if sent.startswith(b"POST"):
            await seen.wait()
        app.writer.write_eof()

        assert await app.rest() == b""
        await asyncio.wait_for(server.left.wait(), 5)


async def test_one_too_many_is_told_so() -> None:
    """503, whatever it asks for."""
    async with wire(Server(room=False)) as app:
        answer = await app.line()
        app.send(GET * 100)

        assert (answer, await app.rest()) == (b"503", b"")


@pytest.mark.parametrize("how", ["says no", "leaves the body", "draining"])
async def test_the_connection_ends_after_its_last_answer(how: str) -> None:
    """Where its handler says so, where a body was left unread, or where the program ends."""

    async def answers(connection: Connection, message: Any, payload: StreamReader) -> bool:
        say(connection, b"answered")
        connection.draining = how == "draining"
        return how != "says no"

    body = b"5\r\nhello\r\n" if how == "leaves the body" else b"0\r\n\r\n"
    async with wire(server := Server(answers)) as app:
        app.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

        assert await app.rest() == b"answered\n"
        assert len(server.seen) == 1


async def test_an_app_that_leaves_cancels_its_call() -> None:
    """At once: the provider's tokens cost money."""
    cancelled = asyncio.Event()

    async def waits(connection: Connection, message: Any, payload: StreamReader) -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return True

    async with wire(server := Server(waits)) as app:
        app.send(GET)
        await app.until(lambda: bool(server.seen))
        app.writer.transport.abort()

        await asyncio.wait_for(cancelled.wait(), 5)


async def test_drained_ends_when_the_app_reads_on() -> None:
    """Then nothing is cut off."""

    async def floods(connection: Connection, message: Any, payload: StreamReader) -> bool:
        while not connection.writing_paused:
            connection.write(b"x" * 65536)
        await connection.drained(5)
        say(connection, b"\ndone")
        return False

    async with wire(Server(floods)) as app:
        app.send(GET)

        assert (await app.rest()).endswith(b"x\ndone\n")


async def test_an_app_that_takes_nothing_is_cut_off() -> None:
    """When it has taken nothing for so many seconds, the connection ends under it."""

    async def floods(connection: Connection, message: Any, payload: StreamReader) -> bool:
        while not connection.writing_paused:
            connection.write(b"x" * 65536)
        await connection.drained(0.01)
        return True

    async with wire(server := Server(floods)) as app:
        app.writer.transport.pause_reading()  # type: ignore[attr-defined]
        app.send(GET)

        assert await asyncio.wait_for(server.left.wait(), 5)


async def test_draining_closes_what_is_idle_at_once() -> None:
    """And what is busy after its answer."""
    go = asyncio.Event()

    async def slow(connection: Connection, message: Any, payload: StreamReader) -> bool:
        await go.wait()
        say(connection, b"answered")
        return True

    async with wire(Server()) as idle, wire(server := Server(slow)) as busy:
        busy.send(GET)
        await busy.until(lambda: bool(server.seen))
        for one in (idle, busy):
            one.connection.drain()
        assert await idle.rest() == b""
        go.set()

        assert await busy.rest() == b"answered\n"


@pytest.mark.parametrize(
    ("body", "whole"),
    [(b"3e8\r\n%b\r\n0\r\n\r\n" % LONG[:1000], True), (b"%x\r\n" % 2**30 + LONG * 100, False)],
    ids=["short", "without end"],
)
async def test_an_early_answer_reads_on_a_little(
    monkeypatch: pytest.MonkeyPatch, body: bytes, whole: bool
) -> None:
    """So that closing does not lose the answer; a body without end is not read to its end."""
    monkeypatch.setattr(module, "LINGER_BODY_BYTES", most := 2**20)
    read: list[bool] = []

    async def early(connection: Connection, message: Any, payload: StreamReader) -> bool:
        await connection.linger(payload)
        read.append(payload.is_eof())
        return False

    async with wire(Server(early)) as app:
        app.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        app.send(body)
        with suppress(ConnectionError):
            await app.rest()

    assert len(body) < 1100 or len(body) > most
    assert read == [whole]


async def test_a_body_that_is_read_slowly_holds_the_app_back() -> None:
    """And arrives whole: reading is paused and goes on (`resume_reading`)."""
    paused: list[bool] = []

    async def slow(connection: Connection, message: Any, payload: StreamReader) -> bool:
        await app.until(lambda: connection._reading_paused)
        paused.append(connection._reading_paused)
        size = 0
        while piece := await payload.readany():
            size += len(piece)
            await asyncio.sleep(0)
        say(connection, b"%d" % size)
        return True

    async with wire(Server(slow)) as app:
        app.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)

        assert await app.line() == b"3000000"
        assert paused == [True]


async def test_a_body_that_breaks_is_told_to_its_reader() -> None:
    """A bad chunk after a good one: the body never ends well, and what follows is a 400."""
    raised: list[str] = []

    async def reads(connection: Connection, message: Any, payload: StreamReader) -> bool:
        if isinstance(message, OutriderError):
            say(connection, b"%d" % message.status)
            return False
        say(connection, b"begun")
        try:
            await payload.read()
        except Exception as error:
            raised.append(type(error).__name__)
        return True

    async with wire(Server(reads)) as app:
        app.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        assert await app.line() == b"begun"
        app.send(b"zz\r\n")
        await app.rest()

    assert raised == ["RequestPayloadError"]


async def test_a_queue_that_is_full_pauses_the_app_and_goes_on() -> None:
    """`message_consumed` and `_resume_reading_if_drained`: without either the pipeline would stand still."""
    go = asyncio.Event()

    async def slow(connection: Connection, message: Any, payload: StreamReader) -> bool:
        await go.wait()
        say(connection, b"x")
        return True

    async with wire(Server(slow)) as app:
        app.send(GET * 2000)
        await app.until(lambda: app.connection._buffer_paused)
        go.set()

        assert [await app.line() for _ in range(2000)] == [b"x"] * 2000
        assert app.connection._buffer_paused is False
