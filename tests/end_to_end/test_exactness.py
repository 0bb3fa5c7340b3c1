"""How exact the policies are, with the real program, many callers at once, and a provider that counts."""

import asyncio
import time

from outrider.testing import FakeProvider, Sidecar

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
    """20/s with burst 20 under 90 calls at once: no second has more than 40, and none of the rate is lost."""
    limit = '[[integrations.api.limits]]\nrate = "20/s"\nburst = 20\nwait = "30s"\n'
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, more=limit)) as sidecar:
        began = time.monotonic()
        statuses = await asyncio.gather(*(ask(sidecar.port) for _ in range(90)))
        took_s = time.monotonic() - began
        times = sorted(request.received for request in provider.requests)

    assert set(statuses) == {200}
    # The clock of the provider's side: it may see two calls closer together than they were sent.
    assert max(sum(at <= other < at + 0.99 for other in times) for at in times) <= 40
    assert took_s <= (90 - 20) / 20 / 0.98 + 0.5


async def test_a_breaker_lets_exactly_so_many_through() -> None:
    """With 100 callers at once five failures reach the provider, and then one probe for each open period."""
    more = 'retry = { attempts = 1 }\nbreaker = { failures = 5, open = "500ms" }'
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, more=more)) as sidecar:
        for _ in range(20):
            provider.reply(500)
        first = await asyncio.gather(*(ask(sidecar.port) for _ in range(100)))
        seen = [len(provider.requests)]
        sidecar_open = time.monotonic()
        while time.monotonic() - sidecar_open < 0.6:
            await ask(sidecar.port)
        seen.append(len(provider.requests))

    assert sorted(set(first)) == [500, 503]
    assert (first.count(500), seen) == (5, [5, 6])


async def test_an_outage_gets_little_extra_load() -> None:
    """A provider that fails all of 300 calls sees at most 1.25 times as many."""
    more = 'retry = { attempts = 4, base = "1ms", cap = "4ms", budget = 0.2 }'
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, more=more)) as sidecar:
        for _ in range(600):
            provider.reply(503)
        for _ in range(30):
            await asyncio.gather(*(ask(sidecar.port) for _ in range(10)))

    assert 300 < len(provider.requests) <= 1.25 * 300
