"""HTTP as bytes on a socket: no client library forgives or repairs what is sent or received here."""

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

_STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*)?")


class Ending(Enum):
    """How the peer ended a connection, or did not."""

    CLEAN = "closed cleanly"
    RESET = "reset"
    TIMED_OUT = "timed out"


class MalformedAnswerError(AssertionError):
    """What came back is not HTTP/1.1."""


class NoAnswerError(AssertionError):
    """The connection ended, or went silent, before a head had come."""

    def __init__(self, ending: Ending, received: bytes) -> None:
        super().__init__(f"{ending.value} after {received[:200]!r}")
        self.ending = ending
        self.received = received


@dataclass(frozen=True, slots=True)
class Answer:
    """One final response, with latin-1 for bytes."""

    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool
    """Whether the framing says that all of the body has come."""
    ending: Ending | None
    """How the connection ended, where it did before the body was complete."""
    informational: tuple[int, ...] = ()
    """The statuses of the 1xx responses before it."""

    def header(self, name: str) -> str | None:
        """Return the value of a field, or None; fail where it came more than once."""
        values = self.values(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def values(self, name: str) -> list[str]:
        """Return every value of a field, in order."""
        return [value for each, value in self.headers if each.lower() == name.lower()]


class Wire:
    """One connection to 127.0.0.1; every read is bounded in time."""

    def __init__(self, port: int, timeout_s: float = 5.0) -> None:
        self._begin(socket.create_connection(("127.0.0.1", port), timeout=timeout_s))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def over(cls, connected: socket.socket) -> Self:
        """Speak over a socket that is connected already: a Unix socket, TLS."""
        wire = cls.__new__(cls)
        wire._begin(connected)
        return wire

    def _begin(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = bytearray()
        self._ending: Ending | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own; a peer that has already closed is no error."""
        for piece in pieces:
            try:
                self._socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def end_sending(self) -> None:
        """Half-close: nothing more will be sent, the answer can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET", on_head: Callable[[], None] = lambda: None) -> Answer:
        """Read one final response; `on_head` is called between its head and its body."""
        informational = []
        while True:
            version, status, reason, headers = self._head()
            if status >= 200:
                break
            informational.append(status)
        on_head()
        body, complete = self._body(method, status, headers)
        ending = None if complete else self._ending
        return Answer(version, status, reason, headers, body, complete, ending, tuple(informational))

    def interim(self) -> int:
        """Read the head of one 1xx response and return its status."""
        _, status, _, _ = self._head()
        assert status < 200, f"{status} where a 1xx was awaited"
        return status

    def rest(self) -> tuple[bytes, Ending]:
        """Read until the peer ends the connection, or says nothing for a while."""
        while self._more():
            pass
        assert self._ending is not None
        return self._take(len(self._buffer)), self._ending

    def _head(self) -> tuple[str, int, str, tuple[tuple[str, str], ...]]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not self._more():
                assert self._ending is not None
                raise NoAnswerError(self._ending, bytes(self._buffer))
        line, *lines = self._take(end + 4)[:-4].split(b"\r\n")
        parts = _STATUS_LINE.fullmatch(line)
        if parts is None:
            raise MalformedAnswerError(f"status line {line!r}")
        version, status, reason = (part.decode("latin-1") for part in parts.groups())
        return version, int(status), reason, tuple(_field(each) for each in lines)

    def _body(self, method: str, status: int, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, bool]:
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
        if len(lengths) + len(codings) > 1:
            raise MalformedAnswerError(f"Content-Length {lengths} and Transfer-Encoding {codings}")
        if status in (204, 304) and codings:
            raise MalformedAnswerError(f"Transfer-Encoding with {status}")
        if method == "HEAD" or status in (204, 304):
            return b"", True
        if codings:
            if codings != ["chunked"]:
                raise MalformedAnswerError(f"Transfer-Encoding {codings}")
            return self._chunks()
        if lengths:
            if not re.fullmatch("[0-9]+", lengths[0]):
                raise MalformedAnswerError(f"Content-Length {lengths}")
            return self._exactly(int(lengths[0]))
        while self._more():
            pass
        return self._take(len(self._buffer)), self._ending is Ending.CLEAN

    def _exactly(self, count: int) -> tuple[bytes, bool]:
        while len(self._buffer) < count and self._more():
            pass
        data = self._take(count)
        return data, len(data) == count

    def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        while True:
            line = self._line()
            if line is None:
                return body, False
            parts = _CHUNK_SIZE.fullmatch(line)
            if parts is None:
                raise MalformedAnswerError(f"chunk size {line!r}")
            size = int(parts[1], 16)
            if not size:
                break
            data, complete = self._exactly(size)
            body += data
            if not complete:
                return body, False
            if end := self._line():
                raise MalformedAnswerError(f"{end!r} after a chunk")
        while line := self._line():
            _field(line)
        return body, line is not None

    def _line(self) -> bytes | None:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not self._more():
                return None
        return self._take(end + 2)[:-2]

    def _more(self) -> bool:
        if self._ending is not None:
            return False
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            self._ending = Ending.TIMED_OUT
            return False
        except ConnectionResetError:
            self._ending = Ending.RESET
            return False
        if not data:
            self._ending = Ending.CLEAN
        self._buffer += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def assert_outriders_own(answer: Answer, method: str = "GET") -> None:
    """Check that an answer is one that Outrider made itself: a problem, named, and telling no secrets."""
    names = {name.lower() for name, _ in answer.headers}
    assert answer.complete
    assert answer.header("Content-Type") == "application/problem+json"
    assert re.match(r"outrider\b", answer.header("Proxy-Status") or ""), answer.headers
    assert answer.header("Outrider-Id"), answer.headers
    assert not [name for name in names if name.startswith("access-control-")]
    assert not re.search("aiohttp|python", answer.header("Server") or "", re.IGNORECASE)
    if method == "HEAD":
        return
    problem = json.loads(answer.body)
    assert {"type", "title", "status", "detail", "outrider_id"} <= problem.keys()
    assert problem["status"] == answer.status
    assert problem["outrider_id"] == answer.header("Outrider-Id")


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
        raise MalformedAnswerError(f"field line {line!r}")
    return name.decode("latin-1"), value.strip(b" \t").decode("latin-1")
