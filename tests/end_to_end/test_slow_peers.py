"""A thousand slow connections do not hold up the others."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from outrider.testing import FakeProvider, Sidecar

SLOW = 1000
ROUNDS = 5
CALLERS, CALLS, PACE_S = 10, 120, 0.05
CONFIG = """
[integrations.fast]
base_url = "{fast}"
[integrations.slow]
base_url = "http://127.0.0.1:{slow}"
"""
REQUEST = b"GET /fast/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def slow_peers() -> Iterator["subprocess.Popen[str]"]:
    script = Path(__file__).with_name("slow_peers.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(SLOW)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def tell(peers: "subprocess.Popen[str]", line: str, awaited: str) -> None:
    assert peers.stdin is not None
    assert peers.stdout is not None
    peers.stdin.write(f"{line}\n")
    peers.stdin.flush()
    assert peers.stdout.readline().strip() == awaited


class Caller:
    """Calls over one connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.took: list[float] = []

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def call(self) -> None:
        sent = perf_counter()
        self._writer.write(REQUEST)
        head = await self._reader.readuntil(b"\r\n\r\n")
        await self._reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        self.took.append((perf_counter() - sent) * 1e3)
        assert head.startswith(b"HTTP/1.1 200 ")

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def take_turns(one: Caller, other: Caller) -> None:
    """Call the one and the other by turns, at a steady pace."""
    for caller in (one, other):
        await caller.connect()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(CALLS):
        await asyncio.sleep(began + number * PACE_S - loop.time())
        for caller in (one, other)[:: 1 if number % 2 else -1]:
            await caller.call()
    for caller in (one, other):
        await caller.close()


def compare(one: int, other: int) -> tuple[float, float]:
    """Give the milliseconds within which 99 of 100 calls are answered on each of two ports."""
    callers = [(Caller(one), Caller(other)) for _ in range(CALLERS)]

    async def call() -> None:
        await asyncio.gather(*(take_turns(*pair) for pair in callers))

    asyncio.run(call())
    took = [sorted(ms for pair in callers for ms in pair[which].took) for which in (0, 1)]
    return took[0][int(len(took[0]) * 0.99)], took[1][int(len(took[1]) * 0.99)]


@pytest.mark.long
def test_a_thousand_slow_connections_hold_up_nobody() -> None:
    """Heads and bodies that come byte by byte, and readers that hardly read: the p99 grows by half at most.

    One sidecar has them, another has not, and calls to the two take turns: what else the machine does
    at the moment meets both. Of several rounds the middle one counts.
    """
    with FakeProvider() as fast, slow_peers() as peers:
        assert peers.stdout is not None
        config = CONFIG.format(fast=fast.url, slow=peers.stdout.readline().strip())
        with Sidecar(config) as beset, Sidecar(config) as quiet:
            tell(peers, str(beset.port), "open")
            compare(beset.port, quiet.port)  # a thousand connections at once are work for a moment
            rounds = [compare(beset.port, quiet.port) for _ in range(ROUNDS)]
            in_flight = beset.metric("outrider_in_flight", integration="slow")
            tell(peers, "", "closed")

    print(
        "p99 in ms, with and without:", ", ".join(f"{with_:.1f} {without:.1f}" for with_, without in rounds)
    )
    assert in_flight >= SLOW // 2
    assert median(with_ / without for with_, without in rounds) <= 1.5
