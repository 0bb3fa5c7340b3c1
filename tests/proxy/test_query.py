"""Query strings, byte for byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.query import with_parameter, without_parameters

NAMES = frozenset({"key", "a b"})
PAIRS = st.lists(st.text(alphabet="akey=%2f+[];~é", max_size=8), max_size=6)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("/x?key=1", "/x"),
        ("/x?key=1&b=2", "/x?b=2"),
        ("/x?b=2&key", "/x?b=2"),
        ("/x?%6B%65y=1&b=%2F+", "/x?b=%2F+"),
        ("/x?a+b=1&a%20b=2&c", "/x?c"),
        ("/x?keys=1&Key=2", "/x?keys=1&Key=2"),
        ("/x?b=?&key=?", "/x?b=?"),
        ("?key=1", ""),
        ("/x?b=1&", "/x?b=1&"),
        ("/x?&", "/x?&"),
        ("/x?", "/x?"),
        ("/x", "/x"),
        ("", ""),
    ],
)
def test_a_parameter_is_taken_off(given: str, left: str) -> None:
    """However its name is escaped, as often as it stands there; nothing else is touched."""
    assert without_parameters(given, NAMES) == left


@settings(deadline=None)
@given(PAIRS)
def test_the_others_keep_their_bytes_and_their_order(pairs: list[str]) -> None:
    """A name that is not there changes nothing."""
    target = f"/x?{'&'.join(pairs)}" if pairs else "/x"

    assert without_parameters(target, {"absent"}) == target


@settings(deadline=None)
@given(PAIRS, st.text(alphabet="s3c&=?#%+ ö/", max_size=10))
def test_what_is_put_on_can_be_taken_off(pairs: list[str], value: str) -> None:
    """A value cannot end its own parameter or the query."""
    target = f"/x?b=1&{'&'.join(pairs)}"

    assert without_parameters(with_parameter(target, "absent", value), {"absent"}) == target


@pytest.mark.parametrize(
    ("target", "made"),
    [("/x", "/x?k%20=%26%23"), ("/x?a", "/x?a&k%20=%26%23"), ("", "?k%20=%26%23")],
)
def test_a_parameter_is_put_at_the_end(target: str, made: str) -> None:
    """Name and value are escaped."""
    assert with_parameter(target, "k ", "&#") == made
