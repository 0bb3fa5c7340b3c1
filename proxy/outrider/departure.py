"""Departure: whether an app that sends no more has left, or only ended its sending.

Either way the system says "end of file", and nothing else until something is sent. So one byte of urgent
data is sent (RFC 9293, 3.8.5), which stands beside the stream: who still reads does not see it, and the
system of one who has left answers with a reset. A Unix socket tells the two apart by itself.
"""

from __future__ import annotations

import contextlib
import select
import socket

#: Seconds until the reset is there, and between one question and the next.
ANSWER_S = 0.005
ASK_EVERY_S = 1.0


def ask(fd: int, family: int) -> None:
    """Make the other side answer if it has left."""
    if family != socket.AF_UNIX:
        peer = socket.socket(fileno=fd)  # the loop's own object can only be looked at
        with contextlib.suppress(OSError):
            peer.send(b"\0", socket.MSG_OOB)
        peer.detach()


def has_left(fd: int) -> bool:
    """Whether the other side is known to have closed both ways."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))
