import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.config.values import (
    Rate,
    parse_client_name,
    parse_duration,
    parse_name,
    parse_size,
    parse_timespan,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("5s", 5.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("7d", 604800.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
        (5, 5.0),
        (0.25, 0.25),
        (0, 0.0),
    ],
)
def test_a_duration_is_a_text_with_a_unit_or_a_number_of_seconds(written, seconds):
    """Both forms of the contract give seconds."""
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        "5",
        "",
        "s",
        "-5s",
        "5 s",
        " 5s",
        "5s ",
        "5S",
        "5sec",
        "1h30m",
        "1e3s",
        "٥s",
        ".5s",
        "5.s",
        "nan",
        "9" * 19 + "s",
    ]
    + [True, False, None, -1, -0.1, float("nan"), float("inf"), [], {}, ["5s"]],
)
def test_what_is_no_duration_is_refused_with_the_forms_there_are(written):
    """A bare number in quotes, a sign, a space, a boolean, nan: none is guessed at."""
    with pytest.raises(ValueError, match='^must be a duration: "250ms", "5s"'):
        parse_duration(written)


@pytest.mark.parametrize("written", [0, "0s", "0ms", 0.0])
def test_a_timespan_cannot_be_zero(written):
    """A timeout of zero would refuse every call."""
    with pytest.raises(ValueError, match="must be longer than zero"):
        parse_timespan(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("256KiB", 262144),
        ("16MiB", 16777216),
        ("5GiB", 5368709120),
        ("10MB", 10_000_000),
        ("1kB", 1000),
        ("1TB", 10**12),
        ("1.5KiB", 1536),
        ("7B", 7),
        (0, 0),
        (1048576, 1048576),
    ],
)
def test_a_size_is_a_text_with_a_unit_or_a_number_of_bytes(written, size):
    """Decimal and binary units are told apart."""
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["5", "5K", "5kb", "5 MB", "-1MB", "", True, 1.5, -1, None, "5GIB"])
def test_what_is_no_size_is_refused_with_the_forms_there_are(written):
    """A unit that could be read in two ways is refused."""
    with pytest.raises(ValueError, match='^must be a size: "256KiB"'):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "count", "per_s"),
    [("25/s", 25, 1), ("100/m", 100, 60), ("5/h", 5, 3600), ("1000/d", 1000, 86400), ("0.5/s", 0.5, 1)],
)
def test_a_rate_counts_calls_in_a_window(written, count, per_s):
    """The four windows of the contract; `str` gives back what was written."""
    rate = Rate.parse(written)

    assert (rate.count, rate.per_s) == (count, per_s)
    assert str(rate) == written
    assert repr(rate) == f"Rate('{written}')"


@given(st.integers(1, 10**17), st.sampled_from("smhd"))
def test_a_rate_survives_being_written(count, unit):
    """No digit is lost on the way, whatever the size."""
    assert str(Rate.parse(f"{count}/{unit}")) == f"{float(count):.0f}/{unit}"


@pytest.mark.parametrize(
    "written", ["25", "25/", "/s", "25/ms", "0/s", "-1/s", "10/30s", "25 / s", "25/S", 25, None]
)
def test_what_is_no_rate_is_refused_with_the_forms_there_are(written):
    """No rate of zero, and no window but the four."""
    with pytest.raises(ValueError, match='^must be a rate: "25/s"'):
        Rate.parse(written)


@pytest.mark.parametrize("name", ["stripe", "a", "0", "stripe-backup", "open_ai", "s3"])
def test_the_name_of_an_integration_is_a_path_segment_and_a_host_label(name):
    """Lower case, digits, `_` and `-`."""
    assert parse_name(name) == name


@pytest.mark.parametrize("name", ["_outrider", "-a", "Stripe", "a.b", "a/b", "", "ä", "a b", "a\n", 3])
def test_any_other_name_of_an_integration_is_refused(name):
    """`_outrider` and all that could be taken for it among them."""
    with pytest.raises(ValueError, match="begins with a letter or a digit"):
        parse_name(name)


@pytest.mark.parametrize("name", ["", "_x", "a b", "a\n", 'a"', "a,b"])
def test_the_name_of_a_client_can_be_a_label(name):
    """Nothing that would need escaping in a metric or a log line."""
    assert parse_client_name("Checkout-1.eu") == "Checkout-1.eu"
    with pytest.raises(ValueError, match="begins with a letter or a digit"):
        parse_client_name(name)
