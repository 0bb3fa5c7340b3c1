"""Exchange ids."""

import re

from outrider.ids import exchange_id


def test_ids_are_unique_and_sortable() -> None:
    """One run's part, then a count: the order of the texts is the order of the requests."""
    ids = [exchange_id() for _ in range(100)]

    assert sorted(set(ids)) == ids
    assert len({one.partition("-")[0] for one in ids}) == 1


def test_an_id_can_stand_in_a_header_and_in_a_log() -> None:
    """Hexadecimal digits and one dash."""
    assert re.fullmatch(r"[0-9a-f]{10}-[0-9a-f]{8}", exchange_id())
