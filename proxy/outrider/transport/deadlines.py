"""Deadlines of one pool, looked at now and then: a timer for each request costs as much as parsing it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .protocol import Protocol

#: Seconds between two looks; a timeout comes at most this late.
TICK_S = 0.05


class Deadlines:
    """Tells a connection that what it waits for is late. Nothing ticks while nothing is waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Protocol, float] = {}
        self._tick: asyncio.TimerHandle | None = None

    def set(self, protocol: Protocol, seconds: float) -> None:
        """Let `protocol` be late after `seconds`, instead of whatever was set before."""
        self._due[protocol] = monotonic() + seconds
        if self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._look)

    def clear(self, protocol: Protocol) -> None:
        """Forget it: what it waited for is there, or gone."""
        self._due.pop(protocol, None)

    def close(self) -> None:
        """Stop looking."""
        if self._tick is not None:
            self._tick.cancel()

    def _look(self) -> None:
        now = monotonic()
        for protocol in [protocol for protocol, due in self._due.items() if due <= now]:
            del self._due[protocol]
            protocol.late()
        self._tick = self._loop.call_later(TICK_S, self._look) if self._due else None
