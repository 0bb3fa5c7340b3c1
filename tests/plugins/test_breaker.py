"""The breaker: what reaches a target that fails, and when calls go through again."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.config import Breaker
from outrider.errors import Limited, Open, TooSlow, Unavailable, Unreachable
from outrider.events import BreakerClosed, BreakerOpened, Events
from outrider.exchange import Attempt, Exchange
from outrider.facts import Incident
from outrider.integration import Integration
from outrider.layers import Stage
from outrider.response import Response, respond
from outrider.testing import FakeClock
from outrider_plugins.breaker import Circuit, outrider_target_layers
from plugins.breaker_rig import ANSWERS, FAILURES, NEITHER, Outcome, Rig, opened, target


class Circuits(RuleBasedStateMachine):
    """Any order of calls, ends, departures and time: the rig watches what is sent."""

    @initialize(failures=st.integers(1, 5), warm=st.booleans())
    def begin(self, failures: int, warm: bool) -> None:
        self.loop = asyncio.new_event_loop()
        self.rig = Rig(failures=failures, open="30s")
        if warm:
            (call,) = self.loop.run_until_complete(self.rig.call())
            self.loop.run_until_complete(self.rig.end([call], 200))

    @rule(count=st.integers(1, 8))
    def call(self, count: int) -> None:
        self.loop.run_until_complete(self.rig.call(count))

    @precondition(lambda self: self.rig.under_way)
    @rule(
        ends=st.lists(
            st.tuples(st.integers(0, 30), st.sampled_from([200, 429, 500, 500, TooSlow, *NEITHER])),
            min_size=1,
            max_size=8,
        )
    )
    def end(self, ends: list[tuple[int, Outcome]]) -> None:
        """Several at the same moment."""
        calls = self.rig.under_way
        for index, outcome in ends:
            if calls:
                calls.pop(index % len(calls)).end(outcome)
        self.loop.run_until_complete(self.rig.settle())

    @precondition(lambda self: any(call.waiting for call in self.rig.calls))
    @rule(
        index=st.integers(0, 30),
        outcome=st.none() | st.sampled_from([200, 503, Limited]),
        after=st.booleans(),
    )
    def leave(self, index: int, outcome: Outcome | None, after: bool) -> None:
        """One in line leaves, perhaps just before or after it gets its place."""
        line, calls = [call for call in self.rig.calls if call.waiting], self.rig.under_way
        if outcome is not None:
            calls[index % len(calls)].end(outcome)
        leaver = line[index % len(line)].task
        if after:
            self.loop.call_soon(leaver.cancel)
        else:
            leaver.cancel()
        self.loop.run_until_complete(self.rig.settle())

    @rule(seconds=st.sampled_from([0.5, 29.5, 30.0]))
    def wait(self, seconds: float) -> None:
        self.rig.clock.advance(seconds)

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """Who is in line waits for calls that are under way, and only while there is no room."""
        if any(call.waiting for call in self.rig.calls):
            assert self.rig.opened is None
            assert not self.rig.flowing
            assert self.rig.load >= self.rig.options.failures
            assert any(call.period == self.rig.period for call in self.rig.under_way)

    def teardown(self) -> None:
        """Nothing is stuck: the ends of the calls under way free those in line, and so on to the last."""
        if not hasattr(self, "rig"):
            return
        try:
            for _ in self.rig.calls:
                if self.rig.under_way:
                    self.loop.run_until_complete(self.rig.end(self.rig.under_way, RuntimeError))
            assert all(call.task.done() for call in self.rig.calls)
            assert "0 in flight>" in repr(self.rig)
        finally:
            self.loop.close()


Circuits.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True
)
TestCircuits = Circuits.TestCase


@pytest.mark.parametrize("outcome", FAILURES, ids=repr)
async def test_exactly_the_threshold_and_one_probe_for_each_period(outcome: Outcome) -> None:
    """100 callers at once, again and again, at a provider that fails everything."""
    rig, sent = Rig(failures=5, open="30s"), []
    for _ in range(4):
        before = len(rig.sent)
        callers = await rig.call(100)
        while rig.under_way:
            await rig.end(rig.under_way, outcome)
        assert all(call.task.done() for call in callers)
        await rig.call(100)
        sent.append(len(rig.sent) - before)
        rig.clock.advance(30)

    assert sent == [5, 1, 1, 1]
    assert [type(event) for event in rig.heard] == [BreakerOpened] * 4
    assert {type(call.error) for call in rig.calls if not call.period} == {Open}


@pytest.mark.parametrize("ended", [1, 2, 3, 4, 5])
async def test_failures_that_come_one_by_one(ended: int) -> None:
    """While some of the first calls have failed and others are under way, no further one is sent."""
    rig = Rig(failures=5)
    first = (await rig.call(100))[:5]
    await rig.end(first[:ended], 500)
    await rig.call(100)

    assert rig.sent == first
    await rig.end(first[ended:], 500)
    assert (rig.sent, rig.under_way) == (first, [])


async def test_the_first_answer_lets_all_go() -> None:
    """In the order in which they came; the wait is counted."""
    rig = Rig(failures=3)
    callers = await rig.call(50)
    assert repr(rig) == "<Circuit acme closed, 3 in flight, 47 in line>"

    rig.clock.advance(0.5)
    await rig.end(callers[1:2], 404)

    assert rig.sent == callers
    assert [call.attempt.exchange.waited_s for call in callers] == [0.0] * 3 + [0.5] * 47


async def test_there_is_no_line_while_answers_flow() -> None:
    """Once there was an answer, and until there is a failure, all are sent at once."""
    rig = Rig(failures=2)
    await rig.end(await rig.call(), 200)

    callers = await rig.call(100)
    assert rig.under_way == callers
    await rig.end(callers[:1], 503)
    later = await rig.call(10)
    assert all(call.waiting for call in later)
    await rig.end(callers[1:2], 200)
    assert all(call.under_way for call in later)


@pytest.mark.parametrize("outcome", ANSWERS)
async def test_an_answer_ends_a_run_of_failures(outcome: int) -> None:
    """4xx, 429 too, and 501 are answers."""
    rig = Rig(failures=3)
    for each in (500, 500, outcome, 500, 500):
        await rig.end(await rig.call(), each)
    assert rig.heard == []

    await rig.end(await rig.call(), 500)
    assert rig.heard == [BreakerOpened(rig.to, 30.0, "3 failures in a row, the last: 500")]


@pytest.mark.parametrize("outcome", NEITHER, ids=repr)
async def test_what_says_nothing_counts_as_nothing(outcome: Outcome) -> None:
    """Cancelled, or refused by one of us: neither a failure nor the end of a run of them."""
    rig = Rig(failures=2)
    for _ in range(5):
        await rig.end(await rig.call(), outcome)
    assert rig.heard == []

    await rig.end(await rig.call(), 500)
    await rig.end(await rig.call(), outcome)
    await rig.end(await rig.call(), Unreachable)
    assert rig.heard == [BreakerOpened(rig.to, 30.0, "2 failures in a row, the last: unreachable")]


async def test_a_deadline_of_the_apps_is_no_failure() -> None:
    """An app that gives it 2 s learns nothing about the target; a target that is late by itself fails."""
    rig = Rig(failures=2)
    for _ in range(5):
        hurried = await rig.call(wanted="2s")
        rig.clock.advance(2)
        await rig.end(hurried, TooSlow)
    assert (rig.heard, rig.row) == ([], 0)

    for _ in range(2):
        hurried = await rig.call(wanted="2s")
        rig.clock.advance(1)
        await rig.end(hurried, TooSlow)
    assert rig.heard == [BreakerOpened(rig.to, 30.0, "2 failures in a row, the last: timeout")]


async def test_while_it_is_open_a_call_learns_how_long() -> None:
    """503, and a Retry-After of what is left of the period; nothing is sent."""
    rig = await opened(failures=1, open="30s")
    rig.clock.advance(12.5)
    (call,) = await rig.call()

    error = call.refusal
    assert (error.status, error.kind, error.retry_after_s) == (503, "breaker-open", 17.5)
    assert error.detail == "integration 'acme': the breaker is open: 503"
    assert repr(rig) == "<Circuit acme open, 0 in flight>"


async def test_the_probe_closes_it() -> None:
    """While it is under way others are refused for a second; after it all go, and failures count anew."""
    rig = await opened(failures=2, open="30s")
    rig.clock.advance(30)
    assert repr(rig) == "<Circuit acme half-open, 0 in flight>"
    probe, other = await rig.call(2)

    assert other.refusal.retry_after_s == 1.0
    await rig.end([probe], 404)
    assert rig.heard[1:] == [BreakerClosed(rig.to)]
    assert await rig.call(50) == rig.under_way
    await rig.end(rig.under_way[:1], 500)
    assert rig.heard[2:] == []


async def test_a_failed_probe_opens_it_for_a_whole_period() -> None:
    """Counted from the probe's end."""
    rig = await opened(failures=3, open="30s")
    rig.clock.advance(40)
    (probe,) = await rig.call()
    rig.clock.advance(5)
    await rig.end([probe], TooSlow)

    assert rig.heard[1:] == [BreakerOpened(rig.to, 30.0, "the probe failed: timeout")]
    rig.clock.advance(29.5)
    assert (await rig.call())[0].refusal.retry_after_s == 0.5
    rig.clock.advance(0.5)
    assert (await rig.call())[0].under_way


@pytest.mark.parametrize("outcome", NEITHER, ids=repr)
async def test_a_probe_without_outcome_gives_its_place_to_the_next_call(outcome: Outcome) -> None:
    """It does not leave the breaker stuck, nor does it close it."""
    rig = await opened(failures=1)
    rig.clock.advance(30)
    await rig.end(await rig.call(), outcome)
    probe, other = await rig.call(2)

    assert (probe.under_way, type(other.error)) == (True, Open)
    await rig.end([probe], 200)
    assert rig.heard[1:] == [BreakerClosed(rig.to)]


@pytest.mark.parametrize("outcome", [200, 503, asyncio.CancelledError], ids=repr)
async def test_what_was_under_way_when_it_opened_changes_nothing(outcome: Outcome) -> None:
    """Neither while it is open, nor beside the probe, nor after it has closed."""
    rig = Rig(failures=2)
    await rig.end(await rig.call(), 200)
    calls = await rig.call(20)
    await rig.end(calls[:2], 500)

    await rig.end(calls[2:6], outcome)
    assert (await rig.call())[0].refusal.retry_after_s == 30.0
    rig.clock.advance(30)
    (probe,) = await rig.call()
    await rig.end(calls[6:10], outcome)
    assert (await rig.call())[0].refusal.retry_after_s == 1.0
    await rig.end([probe], 200)
    await rig.end(calls[10:], outcome)

    assert [type(event) for event in rig.heard] == [BreakerOpened, BreakerClosed]
    assert repr(rig) == "<Circuit acme closed, 0 in flight>"


async def test_let_in_and_opened_at_the_same_moment() -> None:
    """A call that was let in and has not run yet is not sent once the breaker is open."""
    rig = Rig(failures=3)
    await rig.end(await rig.call(), 200)
    calls = await rig.call(5)
    await rig.end(calls[:1], 500)
    late = await rig.call(4)

    calls[1].end(200)
    await rig.end(calls[2:], 500)

    assert [type(call.error) for call in late] == [Open] * 4
    assert [type(event) for event in rig.heard] == [BreakerOpened]


async def test_the_wait_in_line_ends_at_the_deadline() -> None:
    """503 with a Retry-After; the others keep their turn."""
    rig = Rig(failures=1)
    (first,) = await rig.call()
    (late,) = await rig.call(left_s=0.001)
    (patient,) = await rig.call()
    await late.task

    assert isinstance(late.error, Unavailable)
    assert (late.error.kind, late.error.retry_after_s) == ("unavailable", 1.0)
    assert late.error.detail == "integration 'acme': no call before it was answered within timeout.total"
    assert repr(rig) == "<Circuit acme closed, 1 in flight, 1 in line>"
    await rig.end([first], 200)
    assert rig.sent == [first, patient]


@pytest.mark.parametrize("after", [False, True])
async def test_one_that_leaves_the_line_leaves_no_gap(after: bool) -> None:
    """Also when it leaves just before or after it gets its place."""
    rig = Rig(failures=1)
    first, second, third, fourth = await rig.call(4)
    await rig.end([second], asyncio.CancelledError)
    assert repr(rig) == "<Circuit acme closed, 1 in flight, 2 in line>"

    first.end(Limited)
    if after:
        asyncio.get_running_loop().call_soon(third.task.cancel)
    else:
        third.task.cancel()
    await rig.settle()

    assert rig.sent == [first, fourth]
    assert repr(rig) == "<Circuit acme closed, 1 in flight>"


async def test_the_rate_opens_it() -> None:
    """Half of the requests failed, once there were enough of them; after a probe it counts anew."""
    rig = Rig(failures=100, rate=0.5, minimum=20, open="3s")
    for outcome in [503, 200] * 9 + [200]:
        await rig.end(await rig.call(), outcome)
    assert rig.heard == []
    await rig.end(await rig.call(), 503)
    assert rig.heard == [BreakerOpened(rig.to, 3.0, "10 of 20 requests in 10 s failed")]

    rig.clock.advance(3)
    for outcome in [200] + [503] * 19:
        await rig.end(await rig.call(), outcome)
    assert [type(event) for event in rig.heard] == [BreakerOpened, BreakerClosed]


async def test_the_rate_is_that_of_its_window() -> None:
    """What is older is forgotten, to a tenth of the window."""
    rig = Rig(failures=100, rate=0.5, window="20s", minimum=4)
    for _ in range(3):
        await rig.end(await rig.call(20), 200)
        rig.clock.advance(5)
    for _ in range(6):
        await rig.end(await rig.call(), 503)
    assert rig.heard == []

    rig.clock.advance(16)
    await rig.end(await rig.call(), 503)
    assert rig.heard == [BreakerOpened(rig.to, 30.0, "7 of 7 requests in 20 s failed")]


async def test_a_quiet_time_leaves_an_empty_window() -> None:
    """However long nothing came."""
    rig = Rig(failures=100, rate=1.0, minimum=3)
    for after_s in (0, 0, 1_000_000, 0, 0):
        assert rig.heard == []
        rig.clock.advance(after_s)
        await rig.end(await rig.call(), 503)

    assert rig.heard == [BreakerOpened(rig.to, 30.0, "3 of 3 requests in 10 s failed")]


def test_only_who_asks_has_one() -> None:
    """No table, no layer."""
    (layer,) = outrider_target_layers(target(Breaker()), Events())

    assert layer.stage is Stage.BREAK
    assert list(outrider_target_layers(target(), Events())) == []


async def test_a_provider_that_says_it_is_down_is_left_alone_sooner_and_longer() -> None:
    """At its first failure, for four periods; an incident of something else changes nothing."""
    heard: list[object] = []
    for incident in (
        Incident("API down", 2),
        Incident("Another region", 3, whole=False),
        Incident("Slow", 1),
    ):
        to, clock, events = target(Breaker(failures=5, open=30.0)), FakeClock(), Events()
        to.incident = incident
        events.on(BreakerOpened, lambda event: heard.append((event.seconds, event.why)))

        async def failing(attempt: Attempt) -> Response:
            return respond(503)

        send = Circuit(to, Breaker(failures=5, open=30.0), events, clock=clock).wrap(failing)
        fields: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        exchange = Exchange(
            "1", Integration("acme", to.config, to), "GET", "/", fields, (), NO_BODY, started=clock()
        )
        for _ in range(4):
            with suppress(Open):
                await send(Attempt(exchange, to))

    assert heard == [(120.0, "503")]
