"""Heads of requests, read once: an app sends the same bytes again and again.

What the parser makes of a head depends on its bytes alone, and what the gate and the table say to that on
the table as well. So both are remembered for the bytes: a request that begins with them is not read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from aiohttp import hdrs
from aiohttp.http import HttpVersion11

from .headers import NO_NAMES, connection_names

if TYPE_CHECKING:
    from aiohttp.http import RawRequestMessage

    from .integration import Integration
    from .table import Table

END_OF_HEAD = b"\r\n\r\n"
#: Heads that one listener remembers, and bytes of the longest.
_MOST = 512
_LONGEST = 4096


@final
class Head:
    """The head of a request as the parser read it. Nothing of it changes but the place in a table."""

    __slots__ = (
        "base",
        "headers",
        "http10",
        "integration",
        "length",
        "message",
        "method",
        "named",
        "path",
        "persistent",
        "raw_headers",
        "rest",
        "table",
    )

    def __init__(self, message: RawRequestMessage) -> None:
        headers = message.headers
        self.message = message
        self.method = message.method
        self.path = message.path
        self.headers = headers
        self.raw_headers = message.raw_headers
        self.named = (
            connection_names(headers.getall(hdrs.CONNECTION)) if hdrs.CONNECTION in headers else NO_NAMES
        )
        """Fields that its Connection fields name."""
        self.length = int(headers[hdrs.CONTENT_LENGTH]) if hdrs.CONTENT_LENGTH in headers else None
        self.http10 = message.version is not HttpVersion11
        # After an offer to upgrade, which nobody takes up, aiohttp parses no further.
        self.persistent = not message.should_close and not message.upgrade
        """Whether another request may follow."""
        self.table: Table | None = None
        """Where it was let in: what follows is of that table."""
        self.integration: Integration | None = None
        self.rest = ""
        """The raw target, below the integration's address."""
        self.base = ("", "", "")
        """Scheme, host and prefix of that address."""

    def __repr__(self) -> str:
        return f"<Head {self.method} {self.path}>"


class Heads:
    """The heads that came to one listener of late."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """Take exactly one whole request apart, its head and its body, if its head is known."""
        end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
        size = len(data) - end
        head = self._known.get(data[:end] if size else data)
        if head is None or size != (head.length or 0):
            return None
        return head, data[end:]

    def forget(self) -> None:
        """Forget all: each holds on to the table that let it in, and to what the app sent as its token."""
        self._known.clear()

    def remember(self, data: bytes, message: RawRequestMessage) -> Head:
        """Give the head of a message that `data` has all of, and remember it where only a body can follow."""
        head = Head(message)
        end = data.find(END_OF_HEAD, 0, _LONGEST)
        begins = data.startswith(f"{head.method} ".encode())  # else there is an empty line before it
        lasts = head.persistent and not message.chunked and hdrs.EXPECT not in head.headers
        if end >= 0 and begins and lasts:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[data[: end + len(END_OF_HEAD)]] = head
        return head
