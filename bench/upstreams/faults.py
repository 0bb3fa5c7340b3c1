"""A provider that fails in every way, and remembers the effect of each call by the name the app gave it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from email.utils import formatdate

BODY = b"x" * 2048
#: Every form of Retry-After: seconds, dates, milliseconds, what is past or rubbish, and an absurd one.
RETRY_AFTERS = (
    ("Retry-After", "0"),
    ("Retry-After", "1"),
    ("Retry-After", "-1"),
    ("Retry-After", "soon"),
    ("Retry-After", ""),
    ("Retry-After", "99999999999999999999"),
    ("Retry-After", "DATE"),
    ("Retry-After", "PAST"),
    ("retry-after-ms", "40"),
    ("Retry-After", "3600"),
)
_STALL_S = 0.7


class FaultyProvider:
    """Answers `share` of its requests badly; while it is `away`, all of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.share = 0.0
        self.away = ""
        """"" while it is there; "answers" 503, "resets" connections, or "refuses" them."""
        self.effects: Counter[str] = Counter()
        self.requests_away = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def be(self, away: str = "", *, share: float = 0.0) -> None:
        """Be there, failing such a share, or be away in one of three ways."""
        self.away, self.share = away, share
        if away == "refuses":
            await self.close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop to listen, and drop every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in list(self._open):
            writer.transport.abort()  # type: ignore[attr-defined]
        if server is not None:
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(fields.get("content-length", "0")))
                if not await self._answer(head.split(" ", 1)[0], fields, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side left, or the run is over
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, method: str, fields: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        """Answer one request, or fail it; whether the connection goes on."""
        if self.away:
            self.requests_away += 1
            if self.away == "answers":
                writer.write(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n")
                return True
            return self._reset(writer)
        if self.random.random() >= self.share:
            self._take_effect(method, fields)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
            await writer.drain()
            return True
        draw = self.random.random()
        if draw < 0.15:
            return self._reset(writer)
        if draw < 0.25:
            self._take_effect(method, fields)  # done, and the answer is lost
            return self._reset(writer)
        if draw < 0.35:
            self._take_effect(method, fields)
            await asyncio.sleep(_STALL_S)
            return False
        if draw < 0.50:
            self._take_effect(method, fields)
            chunked = b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + BODY[:1024] + b"\r\n"
            fixed = b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:1024]
            writer.write(b"HTTP/1.1 200 OK\r\n" + self.random.choice((chunked, fixed)))
            await writer.drain()
            return False
        self._refuse(method, fields, writer)
        return True

    def _refuse(self, method: str, fields: dict[str, str], writer: asyncio.StreamWriter) -> None:
        """Answer 429, 500 or 503. A 429 or 503 executed nothing; a 500 may have."""
        status = self.random.choice((429, 500, 503))
        name, asked = self.random.choice(RETRY_AFTERS)
        if status == 429 and asked == "3600":
            asked = "1"  # that is a halt of the target for an hour, and the end of the run
        if status == 500 and self.random.random() < 0.5:
            self._take_effect(method, fields)
        now = time.time()
        text = {"DATE": formatdate(now + 1, usegmt=True), "PAST": formatdate(now - 9, usegmt=True)}.get(
            asked, asked
        )
        hour = "X-Fault: hour\r\n" if asked == "3600" else ""
        writer.write(f"HTTP/1.1 {status} No\r\n{name}: {text}\r\n{hour}Content-Length: 0\r\n\r\n".encode())

    def _take_effect(self, method: str, fields: dict[str, str]) -> None:
        """Do what was asked: a second time only where no key says that it is the second."""
        if method == "POST":
            name = fields["x-name"]
            self.effects[name] = 1 if "idempotency-key" in fields else self.effects[name] + 1

    @staticmethod
    def _reset(writer: asyncio.StreamWriter) -> bool:
        writer.transport.abort()  # type: ignore[attr-defined]
        return False
