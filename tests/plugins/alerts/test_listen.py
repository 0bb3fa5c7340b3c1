"""What begins an alert and what ends it, on a fake clock."""

from outrider.testing import FakeClock
from outrider_plugins.alerts.listen import Flaps


def test_runs_that_are_over_are_told_less_and_less() -> None:
    """One 401, then two in a row, then four: a key that is revoked in the end is told all the same."""
    clock, flaps = FakeClock(), Flaps()
    needed = []
    for _ in range(4):
        count = 1
        while not flaps.is_news(clock()):
            count += 1
        needed.append(count)
        flaps.over(clock())
        clock.advance(1.0)

    assert needed == [1, 2, 4, 8]


def test_an_hour_later_they_are_forgotten() -> None:
    """The next 401 is news."""
    clock, flaps = FakeClock(), Flaps()
    flaps.over(clock())
    early = flaps.is_news(clock())
    flaps.in_a_row = 0
    clock.advance(3600.0)

    assert (early, flaps.is_news(clock())) == (False, True)
