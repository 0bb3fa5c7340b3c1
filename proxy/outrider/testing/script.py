"""What a fake provider answers, step by step.

A script is a sequence of actions: bytes are sent as they are, a `Step` does what it says, a `Gate`
waits until the test opens it. `reply` and `stream` write well-formed scripts, `raw` any other.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

Body = bytes | str | dict[str, Any] | list[Any]
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

LAST_CHUNK: Final = b"0\r\n\r\n"
EVENT_STREAM: Final = (("Content-Type", "text/event-stream"),)


class Step(Enum):
    """What an answer does besides sending bytes."""

    READ = "read the request's body to its end"
    WAIT = "wait for one `FakeProvider.release()`"
    HALF_CLOSE = "end the sending side, and go on reading"
    CLOSE = "close the connection"
    RESET = "reset the connection: what the peer has not read yet may be lost"


class Gate:
    """A door in a script; once open it stays open. May be opened from any thread."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        """Let every script that waits here, or comes here, go on."""
        if not self._opened.done():
            self._opened.set_result(None)

    async def passed(self) -> None:
        """Return once the gate is open."""
        # Shielded: a connection that ends must not end the wait of another one.
        await asyncio.shield(asyncio.wrap_future(self._opened))


Action = bytes | Step | Gate


@dataclass(frozen=True, slots=True)
class Script:
    """One answer. `actions` may be a generator: a gigabyte is then never held."""

    actions: Iterable[Action]
    reads_body: bool = True
    """Whether the whole body is read before the first action; if not, a `Step.READ` says when."""
    head_only_to_head: bool = False
    """Whether only the first action is played in answer to HEAD."""


def raw(*actions: Action, reads_body: bool = True) -> Script:
    """Make an answer of exactly these actions."""
    return Script(actions, reads_body)


def reply(status: int = 200, body: Body = b"", headers: Headers = ()) -> Script:
    """Make a well-formed answer; a dict or list is sent as JSON."""
    content, media_type = _encoded(body)
    fields = _pairs(headers)
    names = {name.lower() for name, _ in fields}
    if media_type and "content-type" not in names:
        fields.append(("Content-Type", media_type))
    bodiless = status < 200 or status in (204, 304)
    if not bodiless and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(content))))
    return Script((_head(status, fields), content), head_only_to_head=True)


def stream(*parts: Action, status: int = 200, headers: Headers = EVENT_STREAM) -> Script:
    """Make a chunked answer: bytes become a chunk each, other actions happen between them.

    The last chunk is added, unless the last part closes or resets the connection.
    """
    head = _head(status, [*_pairs(headers), ("Transfer-Encoding", "chunked")])
    chunks = [chunk(part) if isinstance(part, bytes) else part for part in parts]
    broken = bool(parts) and parts[-1] in (Step.CLOSE, Step.RESET, Step.HALF_CLOSE)
    return Script((head, *chunks) if broken else (head, *chunks, LAST_CHUNK), head_only_to_head=True)


def chunk(data: bytes) -> bytes:
    """Frame bytes as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def sse(data: Body, event: str | None = None) -> bytes:
    """Write one server-sent event; a dict or list becomes JSON."""
    text = _encoded(data)[0].decode()
    lines = [f"event: {event}"] if event else []
    lines += [f"data: {line}" for line in text.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


def _encoded(body: Body) -> tuple[bytes, str | None]:
    match body:
        case bytes():
            return body, None
        case str():
            return body.encode(), "text/plain; charset=utf-8"
        case _:
            return json.dumps(body).encode(), "application/json"


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _head(status: int, fields: list[tuple[str, str]]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
