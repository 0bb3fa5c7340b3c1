"""The retry budget: for every history, retries stay a share of requests, with a floor."""

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.testing import FakeClock
from outrider_plugins.retry.budget import Budget

SHARES = st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0])
#: A request, a retry, a step of so many milliseconds, or giving back the n-th retry that was allowed.
#: Steps are often about as long as a slot, or as the window: there a wrong count would show.
STEPS = st.sampled_from([1, 250, 499, 500, 501, 5000, 9500, 9750, 9999, 10_000, 10_250]) | st.integers(
    1, 2000
)
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("requests"), st.integers(1, 300)),
        st.tuples(st.just("retries"), st.integers(1, 60)),
        st.tuples(st.just("ms"), STEPS),
        st.tuples(st.just("refund"), st.integers(0, 99)),
    ),
    min_size=5,
    max_size=40,
)


class History:
    """A budget, and beside it the times of everything, exactly and to the millisecond."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.clock = FakeClock()
        self.budget = Budget(share, clock=self.clock)
        self.ms = 0
        self.requests: list[int] = []
        self.retries: list[int] = []

    def wait(self, ms: int) -> None:
        self.ms += ms
        self.clock.advance(ms / 1000)

    def request(self) -> None:
        self.budget.request()
        self.requests.append(self.ms)

    def retry(self) -> bool:
        allowed = self.budget.spend()
        if allowed:
            self.retries.append(self.ms)
        return allowed

    def refund(self, number: int) -> None:
        if self.retries:
            spent = self.retries.pop(number % len(self.retries))
            self.budget.refund((self.ms - spent) / 1000)

    def spent(self, window_ms: int = 10_000) -> int:
        return sum(self.ms - window_ms < at <= self.ms for at in self.retries)

    def allowed(self, window_ms: int = 10_000) -> float:
        return max(10, self.share * sum(self.ms - window_ms < at <= self.ms for at in self.requests))

    def play(self, what: str, number: int) -> None:
        match what:
            case "requests":
                for _ in range(number):
                    self.request()
            case "ms":
                self.wait(number)
            case "refund":
                self.refund(number)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(SHARES, HISTORIES)
def test_a_retry_is_allowed_only_within_the_share(share: float, steps: list[tuple[str, int]]) -> None:
    """Whenever one is allowed, the retries of the last 10 s are at most max(10, share * requests of them)."""
    history = History(share)
    for what, number in steps:
        history.play(what, number)
        for _ in range(number if what == "retries" else 0):
            if history.retry():
                assert history.spent() <= history.allowed()


@settings(max_examples=400, deadline=None, derandomize=True)
@given(SHARES, HISTORIES)
def test_a_retry_is_refused_only_beyond_the_share(share: float, steps: list[tuple[str, int]]) -> None:
    """It errs by one slot at most: half a second more of retries, half a second less of requests."""
    history = History(share)
    for what, number in steps:
        history.play(what if what != "refund" else "", number)
        for _ in range(number if what == "retries" else 0):
            if not history.retry():
                assert history.spent(10_500) + 1 > history.allowed(9_500)


@pytest.mark.parametrize("burst", [1, 10, 100])
def test_a_provider_that_fails_everything_sees_little_more(burst: int) -> None:
    """100 requests/s at a share of 0.2: at most 1.25 times that in any 10 s, and in all from the start."""
    history, chance, attempts = History(0.2), random.Random(1), []
    due = [(at, 1) for second in range(60) for at in range(second * 1000, second * 1000 + 1000, 10 * burst)]
    due = [first for first in due for _ in range(burst)]
    offered = [at for at, _ in due]
    heapq.heapify(due)
    while due:
        at, number = heapq.heappop(due)
        history.wait(at - history.ms)
        attempts.append(at)
        if number == 1:
            history.request()
        if number < 4 and history.retry():
            heapq.heappush(due, (at + chance.randrange(250 * 2 ** (number - 1)), number + 1))

    for end in range(10_000, 60_001, 250):
        sent, asked = sum(at < end for at in attempts), sum(at < end for at in offered)
        assert sent <= 1.25 * asked
        assert sum(end - 10_000 <= at < end for at in attempts) <= 1.25 * 1000
    assert len(attempts) > 1.18 * len(offered)


@pytest.mark.parametrize("step_ms", [1, 101, 499, 500, 9_999])
@pytest.mark.parametrize("offset_ms", [0, 499, 777_777])
def test_a_quiet_target_has_ten_retries_in_ten_seconds(step_ms: int, offset_ms: int) -> None:
    """The floor needs no requests, is gone for the whole window, and is there again after it."""
    history = History(0.2)
    history.wait(offset_ms)

    assert [history.retry() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(9_999 // step_ms):
        history.wait(step_ms)
        assert not history.retry()
    history.wait(offset_ms + 10_500 - history.ms)
    assert [history.retry() for _ in range(11)] == [True] * 10 + [False]


def test_a_retry_that_was_not_sent_is_given_back() -> None:
    """Another may take its place."""
    history = History(0.2)
    while history.retry():
        history.wait(100)

    history.budget.refund(0.5)

    assert [history.budget.spend(), history.budget.spend()] == [True, False]


def test_what_is_given_back_is_not_anothers_that_was_sent() -> None:
    """One sent later stays counted for its own 10 s."""
    history = History(0.2)
    history.retry()
    history.wait(5_000)
    for _ in range(9):
        history.retry()
    history.wait(1_000)

    history.refund(0)

    assert [history.retry(), history.retry()] == [True, False]
    history.wait(8_999)
    assert not history.retry()


def test_one_that_slept_too_long_is_not_given_back() -> None:
    """It has left the window; giving it back would forget another's."""
    history = History(0.2)
    history.retry()
    history.wait(11_000)
    while history.retry():
        pass

    history.budget.refund(11.0)

    assert not history.budget.spend()


def test_nothing_spent_is_nothing_to_give_back() -> None:
    """A refund without a retry earns none."""
    budget = Budget(0.2, clock=FakeClock())
    budget.refund()

    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


def test_its_repr_says_what_is_left() -> None:
    """A person sees why a retry was not made."""
    budget = Budget(0.2, clock=FakeClock())
    for _ in range(100):
        budget.request()
    budget.spend()

    assert repr(budget) == "<Budget 1 of 20 retries, 100 requests in 10 s>"
