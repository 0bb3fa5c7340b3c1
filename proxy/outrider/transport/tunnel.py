"""Tunnels: what a connection to a provider becomes after its 101, bytes both ways.

What must stay true:
- a byte that came with a head, or between a head and the tunnel, is not lost;
- neither side is read faster than the other takes it;
- one side's end of sending reaches the other, which may go on; where one is gone the other ends.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from outrider.errors import BrokenBody

if TYPE_CHECKING:
    from .protocol import Protocol
    from .upstream import Content


class Tunnel:
    """The body of a 101. It holds the provider's connection; whoever drops the response closes it."""

    length = None

    def __init__(self, content: Content, protocol: Protocol, idle_s: float) -> None:
        self._content = content
        self._protocol = protocol
        self._idle_s = idle_s

    def take(self) -> bytes | None:
        """It is never known to be whole."""
        return None

    async def read(self) -> bytes:
        """Nobody but an app that asked for a tunnel can read it."""
        raise BrokenBody("this is a tunnel, not a body")

    def close(self) -> None:
        """Let go of the provider's connection."""
        self._content.close()

    async def run(self, app: asyncio.Transport, sent: bytes) -> None:
        """Join `app`, which has `sent` something already, until both sides have ended.

        BrokenBody where one broke off, or nothing went either way for `timeout.idle`.
        """
        provider = self._protocol.transport
        if provider is None:
            raise BrokenBody("the provider's connection ended at its 101")
        joint = _Joint(self._idle_s)
        near, far = _End(joint, app), _End(joint, provider)
        near.peer, far.peer = far, near
        app.set_protocol(near)
        provider.set_protocol(far)
        provider.write(sent)
        app.write(self._protocol.surplus)
        try:
            for transport in (app, provider):
                if not transport.is_closing():
                    transport.resume_reading()
            await joint.over
        finally:
            joint.close()
            app.abort()
            provider.abort()
        if joint.broken:
            raise BrokenBody(joint.broken)


class _Joint:
    """What the two ends share: when something moved last, and how it ended."""

    __slots__ = ("_idle_s", "_loop", "_timer", "broken", "moved", "over")

    def __init__(self, idle_s: float) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._idle_s = idle_s
        self.over: asyncio.Future[None] = loop.create_future()
        self.broken = ""
        self.moved = loop.time()
        self._timer = loop.call_later(idle_s, self._look)

    def end(self, broken: str = "") -> None:
        """Be over; the first reason counts."""
        self.broken = self.broken or broken
        if not self.over.done():
            self.over.set_result(None)

    def close(self) -> None:
        """Stop looking."""
        self._timer.cancel()

    def _look(self) -> None:
        left_s = self.moved + self._idle_s - self._loop.time()
        if left_s <= 0:
            self.end(f"nothing went through the tunnel for {self._idle_s:g} s")
        else:
            self._timer = self._loop.call_later(left_s, self._look)

    def now(self) -> None:
        """Take note that something moved."""
        self.moved = self._loop.time()


class _End(asyncio.Protocol):
    """One side: what arrives here leaves at `peer`."""

    __slots__ = ("_joint", "_transport", "ended", "gone", "peer")

    def __init__(self, joint: _Joint, transport: asyncio.Transport) -> None:
        self._joint = joint
        self._transport = transport
        self.peer: _End
        self.ended = False
        """Whether it will send no more."""
        self.gone = False

    def data_received(self, data: bytes) -> None:
        self._joint.now()
        self.peer._transport.write(data)

    def pause_writing(self) -> None:
        if not self.peer._transport.is_closing():
            self.peer._transport.pause_reading()

    def resume_writing(self) -> None:
        self._joint.now()
        if not self.peer._transport.is_closing():
            self.peer._transport.resume_reading()

    def eof_received(self) -> bool:
        self.ended = True
        theirs = self.peer._transport
        if self.peer.ended or not theirs.can_write_eof():  # TLS has no half-close
            theirs.close()
        elif not theirs.is_closing():
            theirs.write_eof()
        return not self.peer.ended and self._transport.can_write_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.gone = True
        if exc is not None:
            self._joint.end("one side of the tunnel broke off")
        elif self.peer.gone:
            self._joint.end()
        else:
            self.peer._transport.close()
