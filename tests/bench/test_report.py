import math

from bench.report import FAILED, Table, median, percentile, spread


def table() -> Table:
    made = Table("get", "CPU for each GET", "two rounds", ("", "CPU µs"))
    for envoy, outrider in ((100, 90), (FAILED, 95), (200, 240)):
        made.add("envoy", "cpu_us", envoy)
        made.add("outrider", "cpu_us", outrider)
    return made


def test_ratios() -> None:
    """A ratio is taken within a round, and a round that failed gives none."""
    assert table().ratios("outrider", "cpu_us") == [0.9, 1.2]


def test_ratios_without_envoy() -> None:
    """Where Envoy was not measured there is no ratio."""
    assert table().ratios("outrider", "per_s") == []


def test_plain() -> None:
    """A failed round is null in JSON, which knows no NaN."""
    assert table().plain() == {
        "envoy": {"cpu_us": [100, None, 200]},
        "outrider": {"cpu_us": [90, 95, 240]},
    }


def test_text() -> None:
    """Names stand to the left, numbers to the right, notes below."""
    made = table()
    made.rows = [["outrider", "95.0"], ["envoy", "1,150.0"]]
    made.notes = ["nginx does not start"]

    assert made.text().splitlines() == [
        "CPU for each GET",
        "(two rounds)",
        "",
        "           CPU µs",
        "-----------------",
        "outrider     95.0",
        "envoy     1,150.0",
        "! nginx does not start",
    ]


def test_summaries() -> None:
    """The middle value and the extremes leave failed rounds out; nothing measured is a dash."""
    values = [3.0, math.nan, 1.0, 2.0]

    assert (median(values), spread(values), median([FAILED]), spread([])) == ("2.0", "1.0–3.0", "-", "-")


def test_percentile() -> None:
    """A percentile is one of the values."""
    values = list(range(100, 0, -1))

    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99)) == (51, 100, 7)
