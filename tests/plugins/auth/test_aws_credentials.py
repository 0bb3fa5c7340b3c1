"""The chain of credentials: found once for all who wait, renewed in the background."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from outrider.plugin import Unavailable
from outrider.testing import FakeClock
from outrider_plugins.auth.aws_credentials import PAUSE_S, Chain

HOUR = timedelta(hours=1)


class Role:
    """What a role's credentials come from: each is good for an hour; time stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.made = 0
        self.broken = False

    def find(self) -> Any:
        return RefreshableCredentials(
            **{name: value for name, value in self._make().items() if name != "expiry_time"},
            expiry_time=self.now + HOUR,
            refresh_using=self._make,
            method="test",
            time_fetcher=lambda: self.now,
        )

    def _make(self) -> dict[str, Any]:
        if self.broken:
            raise ConnectionError("down")
        self.made += 1
        ends = (self.now + HOUR).isoformat()
        return {"access_key": f"ASIA{self.made}", "secret_key": "s", "token": "t", "expiry_time": ends}


async def key(chain: Chain) -> str:
    return str((await chain.current()).access_key)


async def settled() -> None:
    """Wait until no thread asks any more."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await task


@pytest.mark.parametrize("cancelled", [False, True])
async def test_calls_at_once_ask_once(cancelled: bool) -> None:
    """One thread asks for all; the call that led may be cancelled."""
    asked, go = 0, threading.Event()

    def find() -> Any:
        nonlocal asked
        asked += 1
        go.wait(5)
        return Credentials("AKID", "secret")

    chain = Chain("acme", find)
    calls = [asyncio.ensure_future(chain.current()) for _ in range(100)]
    await asyncio.sleep(0)
    if cancelled:
        calls.pop(0).cancel()
    go.set()
    found = await asyncio.gather(*calls)

    assert {each.access_key for each in found} == {"AKID"}
    assert asked == 1


async def test_they_are_renewed_ahead_of_their_end() -> None:
    """The call that finds them near it does not wait."""
    role = Role()
    chain = Chain("acme", role.find)
    seen = [await key(chain)]
    role.now += timedelta(minutes=50)
    seen.append(await key(chain))
    await settled()
    seen.append(await key(chain))

    assert seen == ["ASIA1", "ASIA1", "ASIA2"]


async def test_old_ones_serve_until_they_really_end() -> None:
    """While nothing answers; then a call is told so, and the service is left alone for a while."""
    role, clock = Role(), FakeClock()
    chain = Chain("acme", role.find, clock=clock)
    await key(chain)
    role.broken = True
    seen = []
    for minutes in (50, 8):
        role.now += timedelta(minutes=minutes)
        clock.advance(PAUSE_S)
        seen.append(await key(chain))
        await settled()
    role.now += timedelta(minutes=3)
    clock.advance(PAUSE_S)
    with pytest.raises(Unavailable, match="integration 'acme': no AWS credentials"):
        await key(chain)
    role.broken = False
    with pytest.raises(Unavailable):
        await key(chain)
    clock.advance(PAUSE_S)

    assert seen == ["ASIA1", "ASIA1"]
    assert await key(chain) == "ASIA2"
