"""How exact the policies are, with the real program, many callers at once, and a provider that counts."""

import asyncio
import time

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


async def test_a_limit_is_kept_and_used_up() -> None:
    """20/s with burst 20 under 130 calls at once: no second has more than 40, and 98 % of the rate comes through."""
    limit = '[[integrations.api.limits]]\nrate = "20/s"\nburst = 20\nwait = "30s"\n'
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, more=limit)) as sidecar:
        statuses = await asyncio.gather(*(ask(sidecar.port) for _ in range(130)))
        times = sorted(request.received for request in provider.requests)

    assert statuses == [200] * 130  # nobody starves
    # The clock of the provider's side: it may see two calls closer together than they were sent.
    assert max(sum(at <= other < at + 0.99 for other in times) for at in times) <= 40
    assert (130 - 20) / (times[-1] - times[0]) >= 0.98 * 20


async def test_a_breaker_lets_exactly_so_many_through() -> None:
    """With 100 callers at once five failures reach the provider, and then one probe for each open period."""
    more = 'retry = { attempts = 1 }\nbreaker = { failures = 5, open = "1s" }'
    with FakeProvider(lambda _: reply(500)) as provider:
        with Sidecar(CONFIG.format(url=provider.url, more=more)) as sidecar:
            first = await asyncio.gather(*(ask(sidecar.port) for _ in range(100)))
            seen = [len(provider.requests)]
            for _ in range(2):
                while len(provider.requests) == seen[-1]:
                    await asyncio.gather(*(ask(sidecar.port) for _ in range(100)))
                seen.append(len(provider.requests))
        times = [request.received for request in provider.requests]

    assert (first.count(500), first.count(503)) == (5, 95)
    assert seen == [5, 6, 7]
    assert min(times[5] - times[4], times[6] - times[5]) >= 0.99


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
