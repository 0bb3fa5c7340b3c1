"""What an app asks for: preferences and times in all their forms."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.errors import Malformed
from outrider_plugins.jobs.wishes import read_wishes, wait_s, wants_async, without_async

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("values", "wanted", "left"),
    [
        (["respond-async"], True, ""),
        (["Respond-Async"], True, ""),
        (["return=minimal, respond-async; x=1, wait=10"], True, "return=minimal"),
        (["return=minimal", "respond-async"], True, "return=minimal"),
        (["respond-asynchronously"], False, "respond-asynchronously"),
        (['x="a, respond-async"'], False, 'x="a, respond-async"'),
        ([""], False, ""),
    ],
)
def test_preferences(values: list[str], wanted: bool, left: str) -> None:
    """RFC 7240: a list, parameters, quoted strings, any case."""
    assert (wants_async(values), without_async(values)) == (wanted, left)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("wait=20", 20),
        ('wait="5"', 5),
        ("x, wait=1.5;y", 1.5),
        ("wait=99999", 60),
        ("wait=-1", 0),
        ("wait", 0),
    ],
)
def test_how_long_a_poll_waits(value: str, seconds: float) -> None:
    """At most a minute."""
    assert wait_s([value]) == seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30", NOW + 30),
        ("10m", NOW + 600),
        ("250ms", NOW + 0.25),
        ("2027-01-01T00:00:00Z", 1_798_761_600),
        ("2027-01-01T01:00:00+01:00", 1_798_761_600),
        ("2027-01-01T00:00:00", 1_798_761_600),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 1_798_761_600),
    ],
)
def test_times(text: str, moment: float) -> None:
    """From now, RFC 3339, an HTTP date; without an offset it is UTC."""
    headers = CIMultiDictProxy(CIMultiDict({"Outrider-Not-Before": text, "Outrider-Expires": "90d"}))

    assert read_wishes(headers, NOW).not_before == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "-5", "1e9", "2027-13-01", "5 m", "9" * 400])
def test_what_is_no_time(text: str) -> None:
    """Malformed, with the field's name."""
    headers = CIMultiDictProxy(CIMultiDict({"Outrider-Expires": text}))
    with pytest.raises(Malformed, match="Outrider-Expires"):
        read_wishes(headers, NOW)
