"""For the tests of plugins, and our own: a running sidecar, a fake provider, a fake clock.

FakeProvider
    A provider over real sockets that records every request and answers by a script.
Sidecar
    The real program as a process, with a configuration of the test's.
conformance.Conformance
    The tests that every provider plugin passes: subclass it and name the provider.
FakeClock
    Time that moves when the test says so.
"""

from outrider.testing.clock import FakeClock
from outrider.testing.provider import FakeProvider
from outrider.testing.request import ReceivedRequest
from outrider.testing.script import LAST_CHUNK, Gate, Script, Step, chunk, raw, reply, sse, stream
from outrider.testing.sidecar import Sidecar, SidecarError

__all__ = [
    "LAST_CHUNK",
    "FakeClock",
    "FakeProvider",
    "Gate",
    "ReceivedRequest",
    "Script",
    "Sidecar",
    "SidecarError",
    "Step",
    "chunk",
    "raw",
    "reply",
    "sse",
    "stream",
]
