"""Turns on a fake clock: each invariant in words, each property over what hypothesis thinks of."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.config import Limit
from outrider.plugin import Exchange
from outrider.testing import FakeClock
from outrider_plugins.limits.keys import Key
from outrider_plugins.limits.meter import Bucket, Meter
from outrider_plugins.limits.turns import SentAway, Turns, WouldWait
from plugins.limits.world import World, most_in_a_second, run, settled

few = settings(derandomize=True, max_examples=60, deadline=None)


@few
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 60), st.floats(0, 0.7)), max_size=12),
    st.booleans(),
)
def test_no_window_of_one_second_is_overfull(
    rate: int, burst: int, arrivals: list[tuple[int, float]], rough: bool
) -> None:
    """Whenever calls arrive, a second has at most burst + rate turns, in the order of arrival, and everyone has one."""
    world = World(rough)

    async def scenario() -> None:
        meter = world.meter(rate, burst)
        turns, arrived = world.turns(meter), 0
        for calls, pause_s in arrivals:
            for _ in range(calls):
                world.call(turns, (meter,), arrived)
                arrived += 1
            await world.run(pause_s)
        await world.run(arrived / rate + 1)

        assert world.names() == list(range(arrived))

    run(scenario())
    assert most_in_a_second([when for when, _ in world.granted]) <= burst + rate
    assert world.most_timers <= 1


@pytest.mark.parametrize(("rate", "burst"), [(20, 20), (20, 1), (300, 300), (500, 50), (7, 3)])
@pytest.mark.parametrize("rough", [False, True])
def test_the_rate_is_reached(rate: int, burst: int, rough: bool) -> None:
    """Under load at least 98 % of the rate goes through, also with timers of whole milliseconds."""
    world = World(rough)

    async def scenario() -> None:
        meter = world.meter(rate, burst)
        turns = world.turns(meter)
        for name in range(11 * rate + burst):
            world.call(turns, (meter,), name)
        await world.run(10.0)

    run(scenario())
    assert 0.98 * 10 * rate + burst <= len(world.granted) <= 10 * rate + burst


@few
@given(
    st.integers(1, 10),
    st.lists(st.integers(0, 29), max_size=25),
    st.floats(0, 2),
    st.one_of(st.none(), st.integers(1, 5)),
)
def test_who_leaves_frees_its_place_at_once(
    rate: int, leavers: list[int], after_s: float, slots: int | None
) -> None:
    """No one waits longer because of a call that was cancelled, whenever it was."""

    async def scenario(world: World, leave: bool) -> None:
        meter = world.meter(rate, 2, slots)
        turns = world.turns(meter)
        tasks = [world.call(turns, (meter,), name) for name in range(30)]
        await world.run(after_s)
        for leaver in leavers if leave else ():
            tasks[leaver].cancel()
        for _ in range(30):
            turns.done((meter,) * min(1, meter.in_flight))
            await world.run(1.0)

    alone, crowded = World(), World()
    run(scenario(alone, leave=True))
    run(scenario(crowded, leave=False))
    without = {name: when for when, name in alone.granted}
    for when, name in crowded.granted:
        assert name in leavers or without[name] <= when


async def test_a_turn_granted_to_one_who_leaves_is_given_back() -> None:
    """A call cancelled at the moment of its grant gives its turn and its slot to the next."""
    world = World()
    meter = world.meter(1.0, 1, slots=1)
    turns = world.turns(meter)
    assert turns.take((meter,))
    first, _ = world.call(turns, (meter,), "first"), world.call(turns, (meter,), "second")
    await world.run(5.0)

    turns.done((meter,))  # grants the first, whose task has not run yet
    first.cancel()
    await world.run()

    assert world.names() == ["second"]
    assert meter.in_flight == 1
    assert turns.waiting == 0


@few
@given(
    st.integers(1, 30),
    st.integers(1, 10),
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
    st.floats(0, 2),
)
def test_a_wait_is_granted_in_time_or_refused_at_once(
    rate: int, burst: int, waits_s: list[float], hold_s: float
) -> None:
    """With rates and holds a call is refused before it waits, or has its turn in time; it never waits for nothing."""
    world = World()

    async def scenario() -> None:
        meter = world.meter(rate, burst)
        turns, began = world.turns(meter), world.clock()
        turns.hold(meter, began + hold_s)
        for name, wait_s in enumerate(waits_s):
            world.call(turns, (meter,), name, wait_s)
        await world.run(10.0)

        assert all(when == began for when, *_ in world.refused)
        assert all(when <= began + waits_s[int(str(name))] + 0.002 for when, name in world.granted)
        assert len(world.refused) + len(world.granted) == len(waits_s)
        assert all(when >= began + hold_s - 1e-6 for when, _ in world.granted)

    run(scenario())


@few
@given(st.floats(0.1, 50), st.integers(1, 10), st.integers(0, 30), st.floats(0, 5))
def test_who_is_refused_is_told_the_truth(rate: float, burst: int, waiting: int, hold_s: float) -> None:
    """Coming back after the time that it was told a call has its turn, and just before it has none."""
    world = World()

    async def scenario() -> None:
        meter = world.meter(rate, burst)
        turns = world.turns(meter)
        while turns.take((meter,)):
            pass
        turns.hold(meter, world.clock() + hold_s)
        for name in range(waiting):
            world.call(turns, (meter,), name)
        await world.run()
        with pytest.raises(WouldWait) as refusal:
            await turns.wait((meter,), until=world.clock())
        early_s = min(0.01 / rate, refusal.value.retry_after_s / 2)
        await world.run(refusal.value.retry_after_s - early_s)
        assert not turns.take((meter,))
        await world.run(early_s + 0.002)

        assert turns.take((meter,))

    run(scenario())


@few
@given(st.integers(1, 4), st.lists(st.tuples(st.floats(0, 2), st.floats(0.01, 2)), max_size=40))
def test_concurrency_is_never_exceeded(slots: int, calls: list[tuple[float, float]]) -> None:
    """At most so many are in flight; who waits has its turn by `until` or is refused then, and all slots come back."""
    world = World()

    async def scenario() -> None:
        meter = world.meter(slots=slots)
        turns, most = world.turns(meter), 0

        async def call(name: int, wait_s: float, lasts_s: float) -> None:
            nonlocal most
            began = world.clock()
            await world.call(turns, (meter,), name, wait_s)
            if name in world.names():
                most = max(most, meter.in_flight)
                await world.clock.sleep(lasts_s)
                turns.done((meter,))
            else:
                assert began + wait_s <= world.clock() <= began + wait_s + 0.31

        tasks = [asyncio.ensure_future(call(name, *spec)) for name, spec in enumerate(calls)]
        for _ in range(300):
            await world.run(0.3)
        assert all(task.done() for task in tasks)
        await asyncio.gather(*tasks)

        assert world.names() == sorted(map(int, map(str, world.names())))
        assert (most <= slots, meter.in_flight, turns.waiting) == (True, 0, 0)

    run(scenario())


async def test_slots_say_when_by_their_pace() -> None:
    """A call that waited for a slot in vain is told how long one takes, by those that came free."""
    world = World()
    meter = world.meter(slots=1)
    turns = world.turns(meter)
    assert turns.take((meter,))
    await world.run(2.0)
    turns.done((meter,))
    assert turns.take((meter,))

    world.call(turns, (meter,), "late", wait_s=0.5)
    await world.run(0.5)

    [(when, name, retry_after_s)] = world.refused
    assert (when, name) == (world.clock(), "late")
    assert retry_after_s == pytest.approx(2.0)


@pytest.mark.parametrize("slots", [None, 1])
async def test_a_line_holds_up_only_its_own_meter(slots: int | None) -> None:
    """A hundred calls that wait for a slow endpoint let the others pass on the limit that they share."""
    world = World()
    everything, slow = world.meter(25.0, 25), world.meter(None if slots else 1.0, None if slots else 1, slots)
    turns = world.turns(everything, slow)
    for name in range(100):
        world.call(turns, (everything, slow), name, wait_s=200.0)
    await world.run(3.5)
    before = len(world.granted)
    for name in range(10):
        world.call(turns, (everything,), f"other {name}")
    await world.run()

    assert world.names()[before:] == [f"other {name}" for name in range(10)]
    for _ in range(100):
        turns.done((slow,) * slow.in_flight)
        await world.run(1.0)
    assert [name for name in world.names() if isinstance(name, int)] == list(range(100))


async def test_a_hundred_behind_another_limit_do_not_frighten_newcomers_off() -> None:
    """A prediction counts those ahead only as far as they can be ahead; those in the same line all count."""
    world = World()
    everything, slow, wide = world.meter(25.0, 25), world.meter(1.0, 1), world.meter(1000.0)
    turns = world.turns(everything, slow, wide)
    for name in range(100):
        world.call(turns, (everything, slow), name)
    await world.run()
    await turns.wait((everything,), until=world.clock() + 0.01)
    for name in range(100):
        world.call(turns, (everything, wide), name)
    await world.run()

    with pytest.raises(WouldWait) as refusal:
        await turns.wait((everything,), until=world.clock() + 3.0)
    assert 3.0 < refusal.value.retry_after_s < 3.5


@few
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 3), st.booleans())
def test_nothing_starves(left: int, right: int, burst: int, slotted: bool) -> None:
    """A call that needs two meters gets its turn soon, however hard others ask for either of them."""
    world = World()

    async def scenario() -> None:
        a, b = world.meter(left, burst, 2 if slotted else None), world.meter(right, burst)
        turns = world.turns(a, b)
        for name in range(30):
            world.call(turns, (a,), ("a", name))
            world.call(turns, (b,), ("b", name))
        world.call(turns, (a, b), "both")
        for name in range(100):
            world.call(turns, (a,), ("a late", name))
            world.call(turns, (b,), ("b late", name))
        began = world.clock()
        ended: list[object] = []
        while "both" not in world.names() and world.clock() < began + 100:
            await world.run(0.05)
            for name in world.names():
                if slotted and isinstance(name, tuple) and name[0].startswith("a") and name not in ended:
                    ended.append(name)
                    turns.done((a,))
        [when] = [when for when, name in world.granted if name == "both"]

        # 30 are ahead on each; with slots two at most end in 0.05 s; then one turn more of either.
        pace = min(left, 40 if slotted else left, right)
        assert when - began <= 31 / pace + 1 / left + 1 / right + 0.2

    run(scenario())


@few
@given(
    st.lists(st.integers(1, 10), min_size=3, max_size=3),
    st.integers(1, 3),
    st.lists(st.tuples(st.sets(st.integers(0, 2), min_size=1), st.floats(0, 0.3)), min_size=1, max_size=50),
)
def test_newcomers_do_not_overtake(rates: list[int], burst: int, calls: list[tuple[set[int], float]]) -> None:
    """A call passes an earlier one only if that one needs a meter that this call does not; all are served."""
    world = World()

    async def scenario() -> None:
        meters = [world.meter(rate, burst) for rate in rates]
        turns = world.turns(*meters)
        for name, (wanted, pause_s) in enumerate(calls):
            world.call(turns, tuple(meters[index] for index in sorted(wanted)), name)
            await world.run(pause_s)
        await world.run(60.0)
        places = {name: place for place, name in enumerate(world.names())}

        assert len(places) == len(calls)
        for late, (wanted, _) in enumerate(calls):
            for early in range(late):
                assert places[early] < places[late] or not calls[early][0] <= wanted
        for index, rate in enumerate(rates):
            times = [when for when, name in world.granted if index in calls[int(str(name))][0]]
            assert most_in_a_second(times) <= burst + rate

    run(scenario())


async def test_a_loan_does_not_delay_the_lender() -> None:
    """A turn goes to a later call only if it is back before the earlier one can use it."""
    world = World()
    quick, slow = world.meter(2.0, 1), world.meter(1.0, 1)
    turns = world.turns(quick, slow)
    assert turns.take((slow,))
    world.call(turns, (quick, slow), "first")  # in 1.0 s
    await world.run(0.4)
    world.call(turns, (quick,), "in time")  # back in 0.5 s
    await world.run(0.2)
    world.call(turns, (quick,), "too late")  # would be back in 0.9 s
    await world.run(2.0)

    assert [(round(when - 1000.0, 2), name) for when, name in world.granted] == [
        (0.4, "in time"),
        (1.0, "first"),
        (1.5, "too late"),
    ]


async def test_a_hold_refuses_who_cannot_make_it() -> None:
    """When a hold begins, who would have to wait too long is refused at once; when it is lifted, the rest go on."""
    world = World()
    meter, other = world.meter(), world.meter(1.0, 1)
    turns = world.turns(meter, other)
    turns.hold(meter, world.clock() + 1.0)
    world.call(turns, (meter,), "short", wait_s=2.0)
    world.call(turns, (meter,), "long", wait_s=60.0)
    await world.run(0.5)

    turns.hold(meter, world.clock() + 10.0)
    assert turns.take((other,))
    await world.run()
    assert world.refused == [(world.clock(), "short", pytest.approx(10.0))]
    assert world.names() == []
    turns.hold(meter, 0.0)
    await world.run()
    assert world.names() == ["long"]


async def test_observing_counts_and_refuses_nothing() -> None:
    """A limit that observes lets everything pass and says how much it would have stopped."""
    world = World()
    meter = Meter("x", bucket=Bucket(1.0, 2, clock=world.now), concurrency=3, observe=True, clock=world.now)
    turns = world.turns(meter)

    assert all(turns.take((meter,)) for _ in range(5))
    assert (meter.would_have_limited, meter.in_flight) == (3, 5)


async def test_ten_thousand_waiters_cost_what_ten_do() -> None:
    """To join, to be granted and to leave takes as much work in a crowd as in a handful."""
    costs = []
    for crowd in (10, 10_000):
        world = World()
        meter, other = world.meter(1.0, 1), world.meter(2.0, 2)
        turns = world.turns(meter, other)
        tasks = [world.call(turns, (meter, other)[: name % 2 + 1], name) for name in range(crowd)]
        await settled()
        before = world.looked
        tasks += [world.call(turns, (meter,), "one more")]
        await world.run(3.0)
        for task in tasks[-3:]:
            task.cancel()
        await world.run()
        costs.append(world.looked - before)
        assert world.most_timers <= 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (turns.waiting, meter.waiting, other.waiting) == (0, 0, 0)
        assert len(turns._deadlines) <= 2 * crowd + 65

    assert costs[1] == pytest.approx(costs[0], abs=5)


def test_it_is_made_of_the_configuration() -> None:
    """Rate, burst, concurrency, wait, endpoints and observe come from the table; a call passes what names it."""
    clock = FakeClock()
    charges = Meter.configured(
        Limit.model_validate(
            {"rate": "100/m", "burst": 7, "wait": "2s", "observe": True, "endpoints": ["POST /v1/charges"]}
        ),
        clock=clock,
    )
    slots = Meter.configured(Limit.model_validate({"concurrency": 30}), clock=clock)
    turns = Turns([charges, slots], clock=clock, call_at=World().call_at)

    assert charges.bucket is not None
    assert (charges.bucket.rate, charges.bucket.max_rate) == (pytest.approx(5 / 3), 7)
    assert (charges.wait_s, charges.observe, slots.concurrency) == (2.0, True, 30)
    key = Key(0, (charges, slots), (), told := Meter("the provider's own", clock=clock), clock=clock)
    exchange = cast(Exchange, SimpleNamespace(path="/v1/charges"))
    assert key.of("POST", exchange) == (charges, slots, told)
    assert key.of("GET", exchange) == (slots, told)
    assert repr(turns) == "<Turns 0 waiting, 100/m, concurrency 30>"


async def test_nobody_slips_in_before_a_late_timer() -> None:
    """With room, but somebody in line whom the timer has not reached yet, a newcomer gets no turn at once."""
    world = World()
    meter = world.meter(1.0, 1)
    turns = world.turns(meter)
    assert turns.take((meter,))
    world.call(turns, (meter,), "first")
    await world.run(0.9)
    world.clock.advance(0.5)

    assert not turns.take((meter,))
    world.call(turns, (meter,), "second")
    await world.run(2.0)
    assert world.names() == ["first", "second"]


async def test_a_free_slot_is_kept_for_the_first_who_needs_it() -> None:
    """A call that waits for a rate too is not passed on a slot, since nobody knows when that comes back."""
    world = World()
    rate, slot = world.meter(1.0, 1), world.meter(slots=1)
    turns = world.turns(rate, slot)
    assert turns.take((rate,))
    world.call(turns, (rate, slot), "first")
    await world.run(0.5)
    world.call(turns, (slot,), "second")
    await world.run(1.0)

    assert world.names() == ["first"]


async def test_who_gives_up_lets_the_next_go_at_once() -> None:
    """When a call is refused at its deadline, one that had to respect it passes at that moment."""
    world = World()
    rate, slot, other = world.meter(0.1, 1), world.meter(slots=1), world.meter()
    turns = world.turns(rate, slot, other)
    turns.hold(other, world.clock() + 5.0)
    world.call(turns, (other, slot), "first", wait_s=6.0)
    await world.run(0.5)
    world.call(turns, (slot,), "second")
    other.hold_until += 60.0  # not by Turns.hold: found out late
    await world.run(6.0)

    assert [name for _, name, _ in world.refused] == ["first"]
    assert world.granted == [(1006.0, "second")]


async def test_deadlines_of_those_who_left_are_forgotten() -> None:
    """A caller that leaves does not stay in memory until its deadline."""
    world = World()
    meter = world.meter(slots=1)
    turns = world.turns(meter)
    assert turns.take((meter,))
    world.call(turns, (meter,), "stays", wait_s=60.0)
    for _ in range(1000):
        task = world.call(turns, (meter,), "x", wait_s=3600.0)
        await settled()
        task.cancel()
        await settled()

    assert len(turns._deadlines) <= 70
    await world.run(60.0)
    assert [name for _, name, _ in world.refused] == ["stays"]


async def test_who_is_sent_away_chooses_again() -> None:
    """The oldest first, as many as are meant, and those alone who wait for that meter."""
    world = World()
    one, other = world.meter(slots=1), world.meter(slots=1)
    turns = world.turns(one, other)
    assert turns.take((one,))
    assert turns.take((other,))
    gone = []

    async def wait(meters: tuple[Meter, ...], name: str) -> None:
        try:
            await turns.wait(meters, until=world.clock() + 60.0)
        except SentAway:
            gone.append(name)

    tasks = [
        asyncio.ensure_future(wait(meters, name))
        for meters, name in (((one,), "first"), ((other,), "other"), ((one, other), "both"), ((one,), "last"))
    ]
    await settled()
    turns.send_away(one, most=2)
    await settled()
    some = list(gone)
    turns.send_away(one)
    await settled()

    assert (some, gone) == (["first", "both"], ["first", "both", "last"])
    assert (one.waiting, other.waiting, turns.waiting) == (0, 1, 1)
    tasks[1].cancel()
