"""Numbers and limits in words."""

import pytest

from outrider.config import Limit
from outrider.wording import limit, seconds


@pytest.mark.parametrize(
    ("time_s", "said"),
    [
        (0.25, "250 ms"),
        (1, "1 s"),
        (30, "30 s"),
        (90, "90 s"),
        (120, "2 minutes"),
        (3600, "60 minutes"),
        (86400, "24 hours"),
        (7 * 86400, "7 days"),
    ],
)
def test_a_time(time_s: float, said: str) -> None:
    """In the unit that a person would take, and exactly."""
    assert seconds(time_s) == said


def test_a_limit() -> None:
    """All that it says, and what becomes of a call whose turn has not come."""
    made = Limit.model_validate({"rate": "25/s", "burst": 5, "concurrency": 30, "wait": "2s"})

    assert limit(made) == "25/s, burst 5, 30 at once, waits up to 2 s"
    assert limit(Limit.model_validate({"rate": "25/s", "wait": 0})) == "25/s, never waits"
