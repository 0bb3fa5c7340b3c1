"""The end of a connection that carried no request: the last answer has to arrive.

A socket that is closed while something unread is in it, or before its peer wrote what it meant to,
takes the answer along (RFC 9112 section 9.6): TCP resets, a Unix socket breaks the pipe. So the app is
told the end of our sending first, and what it sends is read and thrown away until it has closed too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: How long, in seconds, and how much, in bytes, is still read of what nobody wants.
LINGER_S = 2.0
LINGER_BYTES = 1024 * 1024
#: How much of the body of a request that was refused: most clients write all of it before they read.
LINGER_BODY_BYTES = 32 * 1024 * 1024


class Farewell(asyncio.Protocol):
    """Takes a transport over, ends its sending, and closes it; `lost` is called when it is closed."""

    def __init__(self, transport: asyncio.Transport, lost: Callable[[Exception | None], None]) -> None:
        self._lost = lost
        self._seen = 0
        self._timer = asyncio.get_running_loop().call_later(LINGER_S, transport.close)
        self._transport = transport
        transport.set_protocol(self)
        transport.write_eof()
        transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Throw away what comes, as long as it is not too much."""
        self._seen += len(data)
        if self._seen > LINGER_BYTES:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whose connection it was."""
        self._timer.cancel()
        self._lost(exc)
