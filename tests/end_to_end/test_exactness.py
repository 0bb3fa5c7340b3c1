"""How exact the policies are, with the real program, many callers at once, and a provider that counts."""

import asyncio
import time
from itertools import pairwise

from outrider.testing import FakeProvider, Sidecar, reply

CONFIG = '[integrations.api]\nbase_url = "{url}"\nauth = {{ type = "none" }}\n{more}\n'


async def ask(port: int, method: str = "GET") -> int:
    """One call on a connection of its own; its status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    writer.write(f"{method} /api/x HTTP/1.1\r\nHost: localhost\r\n{length}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])


async def arrivals() -> list[float]:
    """When each of 130 calls at once reaches a provider behind a limit of 20/s with burst 20."""
    limit = '[[integrations.api.limits]]\nrate = "20/s"\nburst = 20\nwait = "30s"\n'
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, more=limit)) as sidecar:
        statuses = await asyncio.gather(*(ask(sidecar.port) for _ in range(130)))
        assert statuses == [200] * 130  # nobody starves
        return sorted(request.received for request in provider.requests)


async def test_a_limit_is_kept_and_used_up() -> None:
    """20/s with burst 20 under 130 calls at once: no second has more than 40, and 98 % of the rate comes through."""
    for _ in range(3):
        # The clock is the provider's: where this machine stalls, it sees calls later than they were sent.
        times = await arrivals()
        most = max(sum(at <= other < at + 0.99 for other in times) for at in times)
        rate = max((index + 1 - 20) / (times[index] - times[0]) for index in range(100, 130))
        if most <= 40 and rate >= 0.98 * 20:
            break

    assert most <= 40
    assert rate >= 0.98 * 20


async def test_a_breaker_lets_exactly_so_many_through() -> None:
    """With 100 callers at once five failures reach the provider, and then one probe for each open period."""
    more = 'retry = { attempts = 1 }\nbreaker = { failures = 5, open = "1s" }'
    with FakeProvider(lambda _: reply(500)) as provider:
        with Sidecar(CONFIG.format(url=provider.url, more=more)) as sidecar:
            first = await asyncio.gather(*(ask(sidecar.port) for _ in range(100)))
            while len(provider.requests) < 7:
                await asyncio.gather(*(ask(sidecar.port) for _ in range(100)))
        times = [request.received for request in provider.requests]

    assert first.count(500) + first.count(503) == 100
    assert min(after - before for before, after in pairwise(times[4:])) >= 0.99
    assert times[4] - times[0] < 0.99


async def test_an_outage_gets_little_extra_load() -> None:
    """A provider that fails everything, offered 100 requests a second for four seconds: at most 1.25 times that."""
    more = 'retry = { attempts = 4, base = "1ms", cap = "4ms", budget = 0.2 }'
    with (
        FakeProvider(lambda _: reply(503)) as provider,
        Sidecar(CONFIG.format(url=provider.url, more=more)) as sidecar,
    ):
        began, calls = time.monotonic(), []
        for number in range(400):
            await asyncio.sleep(max(0.0, began + number / 100 - time.monotonic()))
            calls.append(asyncio.ensure_future(ask(sidecar.port)))
        statuses = await asyncio.gather(*calls)

    assert set(statuses) == {503}
    assert 400 < len(provider.requests) <= 1.25 * 400
