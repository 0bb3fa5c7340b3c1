"""Backoff: exponential, full jitter, and an end."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.config import Retry
from outrider_plugins.retry.backoff import Backoff

SECONDS = st.floats(0.001, 3600, allow_nan=False)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SECONDS, SECONDS, st.integers(1, 1000))
def test_a_delay_is_between_nothing_and_its_bound(one: float, two: float, attempts_made: int) -> None:
    """0 <= delay <= min(cap, base * 2**(n - 1)), also after a thousand attempts."""
    base, cap = sorted((one, two))
    backoff = Backoff(Retry(base=base, cap=cap))

    bound = min(cap, base * 2.0 ** min(attempts_made - 1, 100))
    assert 0 <= backoff.delay_s(attempts_made) <= bound * (1 + 1e-9)


@pytest.mark.parametrize(("attempts_made", "bound_s"), [(1, 0.25), (3, 1.0), (6, 8.0), (7, 8.0), (1000, 8.0)])
def test_the_jitter_is_full(attempts_made: int, bound_s: float) -> None:
    """Delays are spread evenly over the whole interval: a tenth of them in each tenth of it."""
    random.seed(1)
    backoff = Backoff(Retry())
    tenths = [0] * 10
    for _ in range(5000):
        tenths[int(backoff.delay_s(attempts_made) / bound_s * 10)] += 1

    assert all(400 < count < 600 for count in tenths), tenths


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 1000), st.integers(1, 1000))
def test_attempts_come_to_an_end(attempts: int, attempts_made: int) -> None:
    """The first attempt counts: one attempt leaves no retry."""
    assert Backoff(Retry(attempts=attempts)).exhausted(attempts_made) == (attempts_made >= attempts)


def test_its_repr_says_the_options() -> None:
    """As a person wrote them, in seconds."""
    assert repr(Backoff(Retry())) == "<Backoff 4 attempts, 0.25 s to 8 s>"
