from enum import Enum
from pathlib import Path

import pytest
from pydantic import ValidationError

from outrider.config import Options, Rate, SecretRef


class Colour(Enum):
    RED = "red"


class Inner(Options):
    count: int = 1


class Table(Options):
    count: int = 1
    share: float = 0.5
    on: bool = False
    counts: tuple[int, ...] = ()
    by_name: dict[str, int] = {}
    inner: Inner | None = None
    colour: Colour = Colour.RED
    path: Path = Path()
    rate: Rate | None = None


@pytest.mark.parametrize(
    "raw",
    [
        {"count": "4"},
        {"count": True},
        {"count": 4.0},
        {"share": "0.5"},
        {"share": True},
        {"on": 1},
        {"on": "yes"},
        {"counts": ["4"]},
        {"by_name": {"a": "4"}},
        {"inner": {"count": "4"}},
    ],
)
def test_a_number_must_be_a_number(raw):
    """TOML has types: nothing is converted, however deep it stands."""
    with pytest.raises(ValidationError):
        Table.model_validate(raw)


def test_a_plugins_options_take_what_toml_has():
    """A list for a tuple, a whole number for a float, a text for an enum, a path or a type of ours."""
    table = Table.model_validate(
        {"counts": [1, 2], "share": 1, "inner": {}, "colour": "red", "path": "a", "rate": "5/s"}
    )

    assert table.counts == (1, 2)
    assert table.share == 1.0
    assert table.inner == Inner()
    assert table.colour is Colour.RED
    assert table.path == Path("a")
    assert table.rate == Rate(5.0, 1.0)


def test_options_are_frozen_and_closed():
    """Nothing changes after loading, and no key is swallowed."""
    with pytest.raises(ValidationError, match="frozen"):
        Table().count = 2  # type: ignore[misc]
    with pytest.raises(ValidationError, match="cuont"):
        Table.model_validate({"cuont": 2})


def test_an_error_of_options_does_not_show_the_value():
    """Not even one that somebody prints as pydantic has it."""
    with pytest.raises(ValidationError) as caught:
        Table.model_validate({"count": "sk_live_51H"})

    assert "sk_live_51H" not in str(caught.value)


def test_a_parsed_value_can_be_given_ready_made():
    """So tests and plugins need no text."""

    class Holder(Options):
        token: SecretRef

    assert Holder(token=SecretRef("env", "A")) == Holder.model_validate({"token": "env:A"})
