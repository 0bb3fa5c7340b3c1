"""A provider to test against: real sockets, every request recorded, every byte of an answer scripted."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from ssl import SSLContext
from types import TracebackType
from typing import Self

from outrider.testing.connection import SERVING, Connection
from outrider.testing.request import ReceivedRequest
from outrider.testing.script import EVENT_STREAM, Action, Body, Headers, Script, raw, reply, stream

Handler = Callable[[ReceivedRequest], Script | None]


class FakeProvider:
    """An HTTP/1.1 server on 127.0.0.1 in a thread of its own, so that it serves sync and async tests alike.

        with FakeProvider() as provider:
            provider.reply(429, {"error": "slow down"}, {"Retry-After": "1"})
            provider.raw(b"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\ncut", Step.CLOSE)
            provider.stream(sse("one"), Step.WAIT, sse("two"))  # "two" after provider.release()

    Queued answers are given in order, whatever the request. After them `handler` is asked about the whole
    request, in the provider's thread; where it has nothing to say, the answer is a 200 with JSON.
    """

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        ssl_context: SSLContext | None = None,
        port: int = 0,
        keep_bytes: int = 1 << 24,
    ) -> None:
        self.handler = handler
        self.keep_bytes = keep_bytes
        """How much is kept of one request's body; all of it is counted."""
        self.requests: list[ReceivedRequest] = []
        """Every request whose head has arrived, in order."""
        self.problems: list[str] = []
        """In words: what was not HTTP/1.1 (answered with 400), and what the handler raised (500)."""
        self.connections = 0
        """How many connections were accepted."""
        self._ssl_context = ssl_context
        self._port = port
        self._answers: deque[Script] = deque()
        self._closed: set[int] = set()
        self._open: set[Connection] = set()
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._releases: asyncio.Semaphore
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<FakeProvider {self.url}, {len(self.requests)} requests on {self.connections} connections>"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def open_connections(self) -> int:
        """How many connections are open at both ends."""
        with self._changed:
            return self.connections - len(self._closed)

    # What a test says

    def reply(self, status: int = 200, body: Body = b"", headers: Headers = ()) -> None:
        """Queue a well-formed answer; a dict or list is sent as JSON."""
        self.answer(reply(status, body, headers))

    def stream(self, *parts: Action, status: int = 200, headers: Headers = EVENT_STREAM) -> None:
        """Queue a chunked answer: bytes are a chunk each, steps and gates happen between them."""
        self.answer(stream(*parts, status=status, headers=headers))

    def raw(self, *actions: Action, reads_body: bool = True) -> None:
        """Queue an answer of exactly these actions, however malformed."""
        self.answer(raw(*actions, reads_body=reads_body))

    def answer(self, script: Script) -> None:
        """Queue a script."""
        with self._changed:
            self._answers.append(script)

    def release(self, times: int = 1) -> None:
        """Let so many `Step.WAIT` pass; one that nobody waits for yet is kept."""
        for _ in range(times):
            self._loop.call_soon_threadsafe(self._releases.release)

    def clear(self) -> None:
        """Forget requests, problems, queued answers and unused releases; connections stay open."""
        with self._changed:
            self.requests.clear()
            self.problems.clear()
            self._answers.clear()

        async def renew() -> None:
            self._releases = asyncio.Semaphore(0)

        asyncio.run_coroutine_threadsafe(renew(), self._loop).result()

    # What a test asks

    def until(self, claim: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Block until a claim about this provider holds; in an async test use it through a thread.

        It is looked at again whenever a byte arrives, an answer ends or a connection closes.
        """
        with self._changed:
            if not self._changed.wait_for(claim, timeout_s):
                raise TimeoutError(f"not so after {timeout_s:g} s: {self}")

    def is_closed(self, connection: int) -> bool:
        """Say whether the peer (or a script) has ended a connection, by its number."""
        return connection in self._closed

    # Life

    def start(self) -> Self:
        """Listen; return once connections are accepted."""
        listening: Future[int] = Future()
        thread = threading.Thread(target=self._run, args=(listening,), name="fake-provider", daemon=True)
        thread.start()
        self._port = listening.result()
        self._thread = thread
        return self

    def stop(self) -> None:
        """Drop every connection and stop to listen; the requests stay to be looked at."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, listening: Future[int]) -> None:
        try:
            asyncio.run(self._listen(listening))
        except OSError as error:
            listening.set_exception(error)

    async def _listen(self, listening: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._releases = asyncio.Semaphore(0)
        me = asyncio.current_task()
        tls = self._ssl_context is not None
        server = await self._loop.create_server(
            lambda: Connection(self, tls=tls), "127.0.0.1", self._port, ssl=self._ssl_context, backlog=1024
        )
        async with server:
            listening.set_result(server.sockets[0].getsockname()[1])
            await self._stopping.wait()
            # One that was accepted a moment ago is still being made: were the server closed by then,
            # asyncio would fail to attach it, and leave its socket open.
            while making := [task for task in asyncio.all_tasks() - {me} if task.get_name() != SERVING]:
                await asyncio.wait(making)
            server.close()
            # One whose task has ended may still be open.
            while (tasks := asyncio.all_tasks() - {me}) or self._open:
                for connection in list(self._open):
                    connection.abort()
                if tasks:
                    await asyncio.wait(tasks)
                await asyncio.sleep(0)

    # What a connection tells

    def opened(self, connection: Connection) -> int:
        """Take note of a connection and give it its number."""
        with self._changed:
            self.connections += 1
            self._open.add(connection)
            self._changed.notify_all()
            return self.connections

    def ended(self, number: int) -> None:
        """Take note that one side of a connection has ended."""
        with self._changed:
            self._closed.add(number)
            self._changed.notify_all()

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._open.discard(connection)

    def received(self, request: ReceivedRequest) -> None:
        """Record a request."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def blame(self, problem: str) -> None:
        """Record a problem."""
        with self._changed:
            self.problems.append(problem)
            self._changed.notify_all()

    def notify(self) -> None:
        """Make `until` look again."""
        with self._changed:
            self._changed.notify_all()

    @property
    def asks_handler(self) -> bool:
        """Whether the next answer is the handler's, who sees whole requests."""
        return self.handler is not None and not self._answers

    def script_for(self, request: ReceivedRequest) -> Script:
        """Choose the answer to a request."""
        with self._changed:
            if self._answers:
                return self._answers.popleft()
        try:
            said = self.handler(request) if self.handler else None
        except Exception as error:  # noqa: BLE001 - the test's code must not end this thread
            self.blame(f"the handler raised {error!r}")
            return reply(500, f"the handler raised {error!r}")
        return said or reply(200, {"ok": True})

    async def released(self) -> None:
        """Return after one `release`."""
        await self._releases.acquire()
