"""Callers that leave at any moment, providers that fail in every way, reloads meanwhile: nothing may be held after it."""

import asyncio
import json
import random
import signal
import time
import urllib.request
from collections import Counter
from typing import Any

import pytest
from bench.upstreams.faults import FaultyProvider

from outrider.testing import Sidecar

CONFIG = """
[integrations.a]
base_url = "http://127.0.0.1:{first}"
auth = {{ type = "none" }}
timeout = {{ connect = "1s", response = "500ms", idle = "500ms", total = "3s" }}
retry = {{ attempts = 3, base = "10ms", cap = "100ms" }}
breaker = {{ failures = 4, open = "200ms", rate = 0.6, minimum = 10 }}
limits = [
  {{ rate = "200/s", burst = 20, wait = "300ms" }},
  {{ concurrency = 8, wait = "300ms" }},
  {{ concurrency = 3, endpoints = ["GET /slow"], wait = "100ms" }},
]
fallback = {{ targets = ["b"], message = {{ status = 503, body = "sorry" }} }}
[integrations.b]
base_url = "http://127.0.0.1:{second}"
auth = {{ type = "none" }}
timeout = {{ connect = "1s", response = "500ms", idle = "500ms", total = "3s" }}
limits = [{{ concurrency = 4, wait = "100ms" }}]
breaker = {{ failures = 3, open = "100ms" }}
"""
SECONDS = 12.0
FIRST = ("", "answers", "", "refuses", "", "resets", "")
SECOND = ("", "", "answers", "")


class Storm:
    """Calls of every kind; a third of the callers leave before they have their answer."""

    def __init__(self, port: int, draw: random.Random) -> None:
        self._port = port
        self._draw = draw
        self.seen: Counter[str] = Counter()
        self.keyed: set[str] = set()

    async def call(self, number: int) -> None:
        """Make one call, or the beginning of one."""
        draw = self._draw
        method, path = draw.choice(("GET", "POST", "POST", "PUT")), draw.choice(("/slow", "/x"))
        body = b"z" * draw.choice((0, 2, 5_000, 400_000)) if method != "GET" else b""
        fields = (
            f"Host: localhost\r\nX-Name: n{number}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        )
        if draw.random() < 0.5:
            self.keyed.add(f"n{number}")
            fields += f"Idempotency-Key: k{number}\r\n"
        if draw.random() < 0.3:
            fields += f"Outrider-Timeout: {draw.choice(('50ms', '200ms', '1s'))}\r\n"
        stays_s, leaves = draw.random() * 0.3, draw.random()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(f"{method} /a{path} HTTP/1.1\r\n{fields}\r\n".encode())
            writer.write(body[: len(body) // 2] if leaves < 0.15 else body)
            if leaves < 0.4:
                await asyncio.sleep(stays_s)
                writer.transport.abort()
                self.seen["left"] += 1
                return
            answer = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await writer.wait_closed()
            self.seen[answer[9:12].decode() or "cut"] += 1
        except ConnectionError:
            self.seen["cut"] += 1


async def page(url: str) -> Any:
    """Read a page of the admin listener."""
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read()))


@pytest.mark.long
async def test_nothing_is_held_after_a_storm() -> None:
    """No call hangs, no slot or place in a line is lost, no unkeyed effect happens twice at both providers together."""
    seed = random.randrange(10**6)
    draw = random.Random(seed)
    first, second = FaultyProvider(seed), FaultyProvider(seed + 1)
    await first.be(share=0.3)
    await second.be(share=0.3)
    async with Sidecar(CONFIG.format(first=first.port, second=second.port)) as sidecar:
        storm = Storm(sidecar.port, draw)
        began, calls = time.monotonic(), []
        while (at := time.monotonic() - began) < SECONDS:
            await first.be(FIRST[int(at) % len(FIRST)], share=0.3)
            await second.be(SECOND[int(at) % len(SECOND)], share=0.3)
            calls += [asyncio.ensure_future(storm.call(len(calls) + each)) for each in range(8)]
            if draw.random() < 0.1:
                sidecar.signal(signal.SIGHUP)
            await asyncio.sleep(0.1)
        await asyncio.gather(*calls)
        await first.be()
        await second.be()
        url = f"{sidecar.admin_url}/api/integrations"
        while any(  # noqa: ASYNC110 - another process ends them
            one["traffic"]["in_flight"] for one in (await page(url))["integrations"]
        ):
            await asyncio.sleep(0.1)
        limits = [limit for one in (await page(url))["integrations"] for limit in one["limits"]["configured"]]
        storm.seen.clear()
        draw.random = lambda: 1.0  # type: ignore[method-assign]
        while not storm.seen["200"]:  # a breaker may be open still
            await storm.call(10**6)
        storm.seen.clear()
        for number in range(20):
            await storm.call(10**6 + 1 + number)
    await first.close()
    await second.close()

    effects = first.effects + second.effects
    assert [name for name, count in effects.items() if count > 1 and name not in storm.keyed] == [], seed
    assert {(limit["in_flight"], limit["waiting"]) for limit in limits} == {(0, 0)}, seed
    assert storm.seen == {"200": 20}, seed
    trouble = [
        line for line in sidecar.stderr.splitlines() if '"level": "error"' in line or "Traceback" in line
    ]
    assert trouble == [], seed
