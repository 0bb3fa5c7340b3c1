"""A short run of rotations.py; its 1,000 rotations are run by hand, and stand in docs/authentication.md."""

import random

import pytest

from end_to_end.rotations import FAILURES, Result, Run


def run(rotations: int) -> Result:
    result = Run(rotations, seed=random.randrange(10**6), processes=3).go()
    print(result)
    return result


def check(result: Result) -> None:
    assert dict.fromkeys(FAILURES, 0) == {name: result.failures[name] for name in FAILURES}, str(result)
    assert result.lost <= sum(result.deaths[step] for step in result.window), str(result)
    assert result.deaths.total() > 0


def test_kills_lose_no_refresh_token_but_in_the_one_window() -> None:
    """Three processes, killed at steps of a refresh by turns; a loss is in the window, and reported."""
    check(run(12))


@pytest.mark.long
def test_kills_at_every_step() -> None:
    """Likewise, at each of the steps at least once."""
    result = run(150)

    check(result)
    assert len(result.deaths) > 30
    assert result.lost > 0
