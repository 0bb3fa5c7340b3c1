"""Tokens: one request however many wait, in time, and no more after a refusal."""

import asyncio
from typing import Any

import pytest

from outrider.errors import Unavailable, Unreachable
from outrider.events import CredentialRefreshed, Events
from outrider.testing import FakeClock
from outrider_plugins.auth.tokens import Grant, Refused, Token, TokenSource


class Target:
    """As much of a target as a token source looks at."""

    name = "acme"

    def __init__(self) -> None:
        self.events = Events()
        self.told: list[str] = []
        self.events.on(CredentialRefreshed, lambda event: self.told.append(event.result))


class Scripted(Grant):
    """Gives what a test queued, once the test lets it."""

    def __init__(self, *answers: Token | Exception) -> None:
        self.target: Any = Target()
        self.answers = list(answers)
        self.asked: list[Token | None] = []
        self.version = 1
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, known: Token | None) -> Token:
        self.asked.append(known)
        await self.open.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stamp(self) -> object:
        return self.version

    @property
    def identity(self) -> object:
        return "scripted"


def source_at(clock: FakeClock) -> TokenSource:
    return TokenSource(clock=clock, chance=lambda: 0.5)


async def settled(source: TokenSource) -> None:
    await source.settled()


async def test_many_share_one_request() -> None:
    """Five hundred without a token make one request, and each gets its token."""
    clock = FakeClock()
    source, grant = source_at(clock), Scripted(Token("one", 3600.0))

    got = await asyncio.gather(*(source.wait(grant, clock() + 5) for _ in range(500)))

    assert (len(grant.asked), {token.value for token in got}) == (1, {"one"})


async def test_who_began_may_leave() -> None:
    """The call that began the request is cancelled; the others get their token of the same request."""
    clock = FakeClock()
    source, grant = source_at(clock), Scripted(Token("one", 3600.0))
    grant.open.clear()
    first = asyncio.ensure_future(source.wait(grant, clock() + 5))
    second = asyncio.ensure_future(source.wait(grant, clock() + 5))
    await asyncio.sleep(0)

    first.cancel()
    grant.open.set()
    token = await second

    assert (first.cancelled(), token.value, len(grant.asked)) == (True, "one", 1)


@pytest.mark.parametrize(
    ("life_s", "fresh_at_s", "renews_at_s"),
    [(3600.0, 3000.0, 3300.0), (100.0, 45.0, 60.0), (4.0, 1.5, 2.5), (86400.0, 77000.0, 80000.0)],
)
async def test_a_token_is_renewed_ahead_of_its_end(
    life_s: float, fresh_at_s: float, renews_at_s: float
) -> None:
    """Beside the calls, which go on with the old one: a minute ahead, or a tenth, or half of a short life."""
    clock = FakeClock()
    source, grant = source_at(clock), Scripted(Token("old", life_s), Token("new", life_s))
    await source.wait(grant, clock() + 5)

    clock.advance(fresh_at_s)
    source.ready(grant)
    early = len(grant.asked)
    clock.advance(renews_at_s - fresh_at_s)
    during = source.ready(grant)
    await settled(source)
    after = source.ready(grant)

    assert early == 1
    assert during is not None
    assert after is not None
    assert (during.value, after.value) == ("old", "new")


async def test_without_a_lifetime_a_token_is_kept() -> None:
    """Nobody says how long it lives: the next 401 does."""
    clock = FakeClock()
    source, grant = source_at(clock), Scripted(Token("one"))
    await source.wait(grant, clock() + 5)

    clock.advance(30 * 86400)

    assert source.ready(grant) is not None
    assert len(grant.asked) == 1


async def test_the_old_token_serves_while_nobody_gives_a_new_one() -> None:
    """Until it really ends; then calls get a 503 that says when to come back, without a request each."""
    clock = FakeClock()
    down = [Unreachable("login.example refuses connections") for _ in range(9)]
    source, grant = source_at(clock), Scripted(Token("old", 3600.0), *down)
    await source.wait(grant, clock() + 5)
    clock.advance(3500)
    source.ready(grant)
    await settled(source)

    still = source.ready(grant)
    clock.advance(100)
    with pytest.raises(Unavailable) as first:
        await source.wait(grant, clock() + 5)
    with pytest.raises(Unavailable):
        await source.wait(grant, clock() + 5)

    assert still is not None
    assert len(grant.asked) == 3
    assert first.value.retry_after_s == pytest.approx(1.5)
    assert (
        str(first.value) == "integration 'acme': the credential: no token: login.example refuses connections"
    )


async def test_a_mistake_in_asking_is_a_failure_in_passing(caplog: pytest.LogCaptureFixture) -> None:
    """A grant is a plugin's: what it raises is logged, and calls do not ask again each."""
    clock = FakeClock()
    source, grant = source_at(clock), Scripted(KeyError("oops"), Token("one"))
    for _ in range(3):
        with pytest.raises(Unavailable, match="asking for one raised"):
            await source.wait(grant, clock() + 5)
    clock.advance(1)

    token = await source.wait(grant, clock() + 5)

    assert (token.value, len(grant.asked)) == ("one", 2)
    assert caplog.text.count("KeyError: 'oops'") == 1


async def test_a_refusal_stays_until_the_credential_is_replaced() -> None:
    """No further request is made for it, and it is told once."""
    clock = FakeClock()
    source, grant = (
        source_at(clock),
        Scripted(Refused("login.example says invalid_grant"), Token("new", 60.0)),
    )
    for _ in range(20):
        with pytest.raises(Unavailable, match="was refused: login.example says invalid_grant; replace it"):
            await source.wait(grant, clock() + 5)
        clock.advance(600)
    asked = len(grant.asked)

    grant.version = 2
    token = await source.wait(grant, clock() + 5)

    assert (asked, grant.target.told, token.value) == (1, ["refused", "ok"], "new")


async def test_a_refused_token_is_renewed_once_for_all() -> None:
    """Two hundred calls whose token a provider refused share one request, and none uses the old one again."""
    clock = FakeClock()
    source, grant = source_at(clock), Scripted(Token("old", 3600.0), Token("new", 3600.0))
    old = await source.wait(grant, clock() + 5)

    renewed = await asyncio.gather(*(source.renew(grant, old, clock() + 5) for _ in range(200)))
    late = await source.renew(grant, old, clock() + 5)
    token = source.ready(grant)

    assert (set(renewed), late, len(grant.asked)) == ({True}, True, 2)
    assert token is not None
    assert token.value == "new"
    assert grant.asked[1] is old


async def test_what_is_refused_whatever_the_token_does_not_ask_on() -> None:
    """Five forced requests in a minute are enough."""
    clock = FakeClock()
    source = source_at(clock)
    grant = Scripted(*(Token(f"t{number}", 3600.0) for number in range(20)))
    await source.wait(grant, clock() + 5)

    renewed = [await source.renew(grant, source.ready(grant), clock() + 5) for _ in range(10)]

    assert renewed == [True] * 5 + [False] * 5


async def test_no_token_by_the_deadline() -> None:
    """A call does not wait longer than it has; the request goes on for the next."""
    source, grant = TokenSource(), Scripted(Token("one", 3600.0))
    grant.open.clear()
    with pytest.raises(Unavailable, match="no token in time"):
        await source.wait(grant, 0.0)

    grant.open.set()
    await settled(source)

    assert source.ready(grant) is not None
    assert len(grant.asked) == 1
