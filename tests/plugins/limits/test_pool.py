"""Pools of keys on a fake clock: which key is next, and which one is to blame."""

import asyncio
from pathlib import Path
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.config import BaseUrl, IntegrationConfig, SecretRef
from outrider.events import Events, KeyChanged
from outrider.exchange import Attempt, Exchange
from outrider.integration import Integration, Target
from outrider.response import Response, respond
from outrider.secrets import Vault
from outrider.testing import FakeClock
from outrider_plugins.auth.static import Bearer
from outrider_plugins.limits import Limits
from outrider_plugins.limits.pool import Pool


class Rig:
    """The limits of a target with a pool, and a provider that answers each key by its place in the list."""

    def __init__(self, keys: int = 3, **options: Any) -> None:
        environ = {f"K{number}": f"key-{number}" for number in range(keys)}
        auth = Bearer(token=tuple(SecretRef("env", name) for name in environ))
        section = IntegrationConfig(
            name="acme", base_url=BaseUrl.parse("https://api.acme.example"), auth=auth, **options
        )
        self.clock = FakeClock()
        self.target = Target("acme", section, section.base_url, None, Vault(Path(), environ))
        self.told: list[tuple[int, str]] = []
        self.target.events = Events()
        self.target.events.on(KeyChanged, lambda event: self.told.append((event.position, event.change)))
        self.integration = Integration("acme", section, self.target)
        self.limits = Limits(self.target, Events(), clock=self.clock)
        assert self.limits.pool is not None
        self.pool: Pool = self.limits.pool
        self.answers: dict[int, int] = {}
        self.sent: list[int] = []
        self.send = self.limits.wrap(self._send)

    async def _send(self, attempt: Attempt) -> Response:
        self.sent.append(attempt.key)
        await asyncio.sleep(0)
        return respond(self.answers.get(attempt.key, 200))

    def exchange(self) -> Exchange:
        headers = CIMultiDictProxy(CIMultiDict())
        return Exchange("id", self.integration, "GET", "/", headers, (), NO_BODY, started=self.clock())

    async def ask(self, exchange: Exchange | None = None) -> int:
        """One exchange as the retry layer carries it: again with each other key where that may help."""
        exchange = exchange or self.exchange()
        for renewed in range(self.pool.times + 1):
            response = await self.send(Attempt(exchange, self.target))
            status = response.status
            response.close()
            if renewed == self.pool.times or not self.pool.replaces(status):
                break
            if not await self.pool.renew(exchange):
                break
        return status

    def rotate(self, key: int) -> None:
        secret = self.target.secret(SecretRef("env", f"K{key}"))
        secret._value, secret.version = "new", secret.version + 1

    @property
    def states(self) -> list[Any]:
        keys: Any = self.pool.describe()["keys"]
        return [key["state"] for key in keys]


async def test_a_refused_key_is_out_once_another_has_carried_the_call() -> None:
    """Not before: the call itself may be what the provider refuses."""
    rig = Rig()
    rig.answers = {0: 401}

    exchange = rig.exchange()
    await rig.send(Attempt(exchange, rig.target))
    doubted = rig.states, list(rig.told)
    await rig.send(Attempt(exchange, rig.target))

    assert doubted == (["resting", "ready", "ready"], [])
    assert (rig.states, rig.told) == (["refused", "ready", "ready"], [(1, "refused")])


async def test_the_last_key_is_never_out() -> None:
    """With the others out, its refusals are the app's, call after call; the alert was raised for each other one."""
    rig = Rig()
    rig.answers = {0: 401, 1: 401}
    await rig.ask()
    rig.answers[2] = 401

    statuses = [await rig.ask() for _ in range(5)]

    assert statuses == [401] * 5
    assert rig.states == ["refused", "refused", "ready"]
    assert rig.told == [(1, "refused"), (2, "refused")]


async def test_a_call_that_every_key_refuses_leaves_all_in() -> None:
    """However many such calls there are at once, and whichever keys they meet first."""
    rig = Rig()
    rig.answers = {0: 401, 1: 401, 2: 401}

    statuses = await asyncio.gather(*(rig.ask() for _ in range(50)))
    rig.answers = {}
    rig.clock.advance(2.0)
    await rig.ask()

    assert set(statuses) == {401}
    assert rig.told == []
    assert "refused" not in rig.states


async def test_a_key_is_back_with_its_new_secret() -> None:
    """At the next call, without its being asked for by anybody."""
    rig = Rig(2)
    rig.answers = {0: 401}
    await rig.ask()
    rig.answers = {}
    rig.rotate(0)
    described = rig.states

    rig.sent.clear()
    for _ in range(4):
        await rig.ask()

    assert described == ["ready", "ready"]
    assert sorted(rig.sent) == [0, 0, 1, 1]
    assert rig.told == [(1, "refused"), (1, "back")]


async def test_the_refusal_of_an_old_secret_is_not_held_against_the_new_one() -> None:
    """It was replaced while the call was under way."""
    rig = Rig(2)
    rig.answers = {0: 401}
    exchange = rig.exchange()

    first = asyncio.ensure_future(rig.send(Attempt(exchange, rig.target)))
    await asyncio.sleep(0)
    rig.rotate(0)
    await first
    await rig.send(Attempt(exchange, rig.target))

    assert (rig.states, rig.told) == (["ready", "ready"], [])


async def test_two_keys_that_accuse_each_other_are_not_both_out() -> None:
    """A provider that refuses now this key and now that one does not end the pool."""
    rig = Rig(2)
    one, two = rig.exchange(), rig.exchange()
    rig.answers = {0: 401, 1: 401}
    await rig.send(Attempt(one, rig.target))  # with the first key
    await rig.send(Attempt(two, rig.target))  # with the second
    rig.answers = {}

    rig.clock.advance(2.0)
    await asyncio.gather(rig.send(Attempt(one, rig.target)), rig.send(Attempt(two, rig.target)))
    statuses = [await rig.ask() for _ in range(4)]

    assert statuses == [200] * 4
    assert "ready" in rig.states


async def test_a_doubted_key_rests_longer_each_time() -> None:
    """Where nothing shows who is to blame: bodies that cannot be sent again, say."""
    rig = Rig(2)
    rig.answers = {0: 401}
    rests = []
    for _ in range(8):
        rig.pool._next = 0
        await rig.send(Attempt(rig.exchange(), rig.target))
        keys: Any = rig.pool.describe()["keys"]
        rests.append(keys[0]["seconds_left"])
        rig.clock.advance(rests[-1])

    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    assert rig.told == []


async def test_a_refusal_does_not_rest_the_last_key_that_is_ready() -> None:
    """One is limited and one doubted: a third that refuses the call as well goes on for the others."""
    rig = Rig()
    rig.answers = {0: 429, 1: 401, 2: 401}

    statuses = [await rig.ask() for _ in range(5)]
    rig.answers = {}
    rig.sent.clear()
    good = await rig.ask()

    assert set(statuses) == {401}
    assert (good, rig.sent) == (200, [2])
    assert rig.states == ["resting", "resting", "ready"]
