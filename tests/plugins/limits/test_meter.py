"""Meters on a fake clock: what a bucket holds, and when it lets one more through."""

import pytest
from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.testing import FakeClock
from outrider_plugins.limits.meter import Bucket

few = settings(derandomize=True, max_examples=60, deadline=None)


async def test_aiolimiter_still_has_the_names_we_lean_on() -> None:
    """Its bucket asks `_loop.time()` for the time, and counts in `_level`: what we take, it sees, and the reverse."""

    clock = FakeClock()
    bucket = Bucket(1.0, 2, clock=clock)
    assert isinstance(AsyncLimiter.__dict__["_loop"], property)
    await AsyncLimiter.acquire(bucket)
    assert bucket._level == 1
    assert [bucket.take(), bucket.take()] == [True, False]
    assert not AsyncLimiter.has_capacity(bucket)
    clock.advance(1.0)
    assert AsyncLimiter.has_capacity(bucket)


@pytest.mark.parametrize(
    ("rate", "burst"), [(20.0, 20), (100 / 60, 2), (5 / 3600, 1), (0.3 * 10, 3), (2.5, 3)]
)
def test_burst_is_one_seconds_worth(rate: float, burst: int) -> None:
    """A bucket without a burst holds what its rate gives in a second, rounded up, and at least one."""
    assert Bucket(rate).max_rate == burst


@few
@given(st.floats(0.01, 2000), st.integers(1, 50), st.integers(0, 100), st.floats(0, 1e7))
def test_the_wait_is_exact(rate: float, burst: int, ahead: int, uptime_s: float) -> None:
    """After `wait_s(ahead)` so many and one more fit, and not a hundredth of a turn earlier."""
    clock = FakeClock(round(uptime_s, 9))
    bucket = Bucket(rate, burst, clock=clock)
    while bucket.take():
        pass
    wait_s = bucket.wait_s(ahead)

    assert bucket.turns_within(wait_s - 0.01 / rate) == ahead
    assert bucket.turns_within(wait_s + 1e-6 / rate) == ahead + 1
    for _ in range(ahead):
        bucket.count()
    clock.advance(wait_s - 0.01 / rate)
    assert not bucket.take()
    clock.advance(0.01 / rate + 1e-8)
    assert bucket.take()
