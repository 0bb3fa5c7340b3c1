import pytest
from bench.load import Load, LoadError, parse

GOOD = '{"requests":1200,"seconds":2.001,"refused":0,"broken":0,"timeouts":0}'


def test_parse() -> None:
    """The result is the line of JSON after what wrk prints by itself."""
    text = f"Running 2s test @ http://127.0.0.1:1/\n  1200 requests in 2.00s, 1.4MB read\n\n{GOOD}\n"

    assert parse(text) == Load(requests=1200, seconds=2.001, refused=0, broken=0, timeouts=0)


def test_parse_nothing() -> None:
    """Where wrk ends early, its own words are the error."""
    with pytest.raises(LoadError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused")


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (Load(1, 1.0, 0, 0, 0), ""),
        (Load(9, 1.0, 3, 0, 2), "3 refused, 2 timeouts"),
        (Load(0, 1.0, 0, 1, 0), "no request was answered, 1 broken connections"),
    ],
)
def test_trouble(load: Load, expected: str) -> None:
    """Each kind of failure is counted in words; a good run has none."""
    assert load.trouble == expected
