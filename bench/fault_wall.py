"""Run the real program against a provider that fails in every way, and count what came of it.

    python bench/fault_wall.py [--seconds 180] [--rate 60] [--seed N]

For a third of the time the provider is away (it answers 503, then it resets), for a third one of ten
requests fails (resets, stalls, truncated bodies, 429, 500 and 503 with every form of Retry-After), for a
sixth four of ten, and for a sixth it flaps: it refuses connections for three tenths of each second. Calls
come at a steady rate: GETs, and POSTs with and without a key. The retries are the defaults.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # as in run.py

from bench.upstreams.faults import BODY, FaultyProvider  # noqa: E402
from outrider.testing import Sidecar  # noqa: E402

CONFIG = """
[integrations.api]
base_url = "http://127.0.0.1:{port}"
timeout = {{ connect = "1s", response = "500ms", idle = "500ms", total = "5s" }}
auth = {{ type = "none" }}
"""
#: What the provider does, the share of its requests that fail, and for which share of the time.
PHASES = (("away", 0.0, 1 / 3), ("drizzle", 0.1, 1 / 3), ("storm", 0.4, 1 / 6), ("flaps", 0.0, 1 / 6))
_TICK_S = 0.1
_FLAP_S, _DOWN_S = 1.0, 0.3


@dataclass(frozen=True, slots=True)
class Called:
    """What came of one call."""

    phase: str
    repeatable: bool
    status: int
    complete: bool
    """It looks complete."""
    whole: bool
    """It is complete."""
    hour: bool
    """The provider asked to come back in an hour."""
    took_s: float


class Wall:
    """One run: the calls, and what became of them."""

    def __init__(self, provider: FaultyProvider, port: int, rate: float) -> None:
        self._provider = provider
        self._port = port
        self._rate = rate
        self._numbers = count()
        self._tasks: list[asyncio.Task[Called]] = []
        self.offered: Counter[str] = Counter()

    async def run(self, seconds: float) -> list[Called]:
        """Go through the phases; each begins when the last call of the one before it has its answer."""
        calls: list[Called] = []
        for phase, share, part in PHASES:
            await self._phase(phase, share, part * seconds)
            calls += await asyncio.gather(*self._tasks)
            self._tasks.clear()
        return calls

    async def _phase(self, phase: str, share: float, seconds: float) -> None:
        began, calls = time.monotonic(), 0
        while (at := time.monotonic() - began) < seconds:
            await self._provider.be(_away(phase, at, seconds), share=share)
            while calls < at * self._rate:
                self._tasks.append(asyncio.ensure_future(self._call(phase)))
                calls += 1
            await asyncio.sleep(_TICK_S)
        self.offered[phase] = calls

    async def _call(self, phase: str) -> Called:
        number = next(self._numbers)
        method, keyed = (("GET", False), ("POST", False), ("POST", True))[number % 3]
        name, began = f"n{number}", time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        key = f"Idempotency-Key: {name}\r\n" if keyed else ""
        length = "Content-Length: 2\r\n" if method == "POST" else ""
        fields = f"Host: localhost\r\nX-Name: {name}\r\n{key}{length}Connection: close\r\n"
        writer.write(f"{method} /api/x HTTP/1.1\r\n{fields}\r\n{'{}' if length else ''}".encode())
        broken, data = False, b""
        try:
            while piece := await reader.read(65536):
                data += piece
        except ConnectionError:
            broken = True
        writer.close()
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1]) if head else 0
        complete = bool(head) and not broken and _looks_complete(head.lower(), rest)
        whole = complete and (status != 200 or BODY in rest)
        hour = b"x-fault: hour" in head.lower()
        repeatable = method == "GET" or keyed
        return Called(phase, repeatable, status, complete, whole, hour, time.monotonic() - began)


def _away(phase: str, at_s: float, seconds: float) -> str:
    if phase == "away":
        return "answers" if at_s < seconds / 2 else "resets"
    return "refuses" if phase == "flaps" and at_s % _FLAP_S < _DOWN_S else ""


def _looks_complete(head: bytes, rest: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return rest.endswith(b"0\r\n\r\n")
    length = head.partition(b"content-length: ")[2].split(b"\r\n")[0]
    return length.isdigit() and len(rest) == int(length)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What must hold."""

    doubled: int
    feigned: int
    load: float

    @property
    def holds(self) -> bool:
        """No effect twice, nothing feigned, and little extra load while it was away."""
        return not self.doubled and not self.feigned and self.load <= 1.25


def judge(provider: FaultyProvider, calls: list[Called], offered: int) -> Verdict:
    """Count what must be nought, and the load while it was away by what was offered then."""
    return Verdict(
        sum(number > 1 for number in provider.effects.values()),
        sum(call.complete and not call.whole for call in calls),
        provider.requests_away / offered if offered else 0.0,
    )


def rows(verdict: Verdict, calls: list[Called]) -> Iterator[tuple[str, str]]:
    """Give the table."""
    yield "effects doubled", str(verdict.doubled)
    yield "bodies that looked complete and were not", str(verdict.feigned)
    cut = sum(call.status == 200 and not call.complete for call in calls)
    yield "bodies that the provider broke off, broken at the app too", str(cut)
    yield "load on the provider while it was away, by what was offered", f"{verdict.load:.2f}"
    for phase, when in (
        ("drizzle", "where one of ten requests fails"),
        ("storm", "where four of ten requests fail"),
        ("flaps", "where it is gone for three tenths of each second"),
    ):
        could = [call for call in calls if call.phase == phase and call.repeatable and not call.hour]
        missed = sum(call.status != 200 for call in could)
        yield f"calls that could have succeeded and did not, {when}", f"{missed} of {len(could)}"
    hours = [call.took_s for call in calls if call.hour]
    yield (
        "calls told to come back in an hour, and the longest that one of them took",
        (f"{len(hours)}, {max(hours, default=0.0):.2f} s"),
    )


async def run(seconds: float, rate: float, seed: int) -> int:
    """Run it, print the table, and give the exit code."""
    print(f"{seconds:g} s, {rate:g} calls a second, seed {seed}\n", flush=True)
    provider = FaultyProvider(seed)
    await provider.be()
    async with Sidecar(CONFIG.format(port=provider.port)) as sidecar:
        wall = Wall(provider, sidecar.port, rate)
        calls = await wall.run(seconds)
    await provider.close()
    verdict = judge(provider, calls, wall.offered["away"])
    print("| what | count |\n| --- | --- |")
    for what, number in rows(verdict, calls):
        print(f"| {what} | {number} |")
    return int(not verdict.holds)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--rate", type=float, default=60.0, help="calls a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    args = parser.parse_args()
    return asyncio.run(run(args.seconds, args.rate, args.seed))


if __name__ == "__main__":
    sys.exit(main())
