import asyncio

import pytest

from outrider.testing import FakeClock


def test_it_stands_still_until_it_is_advanced() -> None:
    """Time moves by what the test says, and by nothing else."""
    clock = FakeClock(5.0)

    assert clock() == clock() == 5.0
    clock.advance(1.5)
    assert clock() == 6.5


def test_tenths_add_up() -> None:
    """Three times 0.1 s is 0.3 s."""
    clock = FakeClock(0.0)

    for _ in range(3):
        clock.advance(0.1)

    assert clock() == 0.3


def test_it_does_not_go_back() -> None:
    """A monotonic clock refuses a negative step."""
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1)


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Whoever is due first wakes first, whoever began to sleep first; the others sleep on."""
    clock, woken = FakeClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds in (3, 1, 2, 9):
            tasks.create_task(sleeper(seconds))
        await clock.asleep(4)
        clock.advance(3)
        await clock.asleep()
        await asyncio.sleep(0)

        assert woken == [1, 2, 3]
        assert clock.sleepers == 1
        clock.advance(6)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Cancellation leaves no sleeper behind, and does not disturb the next step."""
    clock = FakeClock()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(clock.sleep(1))
        await clock.asleep()
        task.cancel()

    assert clock.sleepers == 0
    clock.advance(2)


async def test_sleeping_for_nothing_returns() -> None:
    """A sleep of 0 s or less needs no step."""
    await FakeClock().sleep(0)
    await FakeClock().sleep(-1)


def test_its_repr_says_the_time() -> None:
    """A failed test shows where the clock stood."""
    assert repr(FakeClock(2.5)) == "<FakeClock at 2.5 s, 0 asleep>"
