import datetime as dt
import decimal
import uuid
from enum import Enum
from typing import Any, Literal, get_args

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError
from pydantic_core.core_schema import ErrorType

from outrider.config import Duration, Options, SecretRef, SecretRefs, Server
from outrider.config.words import in_words

SECRET = "sk_live_51H"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(Options):
    attempts: int = Field(4, ge=1)
    required: str


class Table(Options):
    a_bool: bool = True
    a_float: float = Field(0.5, ge=0, lt=1.5)
    a_list: tuple[str, ...] = Field(("a",), max_length=2)
    a_literal: Literal["draft", "active"] = "active"
    a_text: str = Field("x", min_length=1, max_length=5, pattern="^[a-z]*$")
    an_enum: Colour = Colour.RED
    an_int: int = Field(4, gt=0)
    a_date: dt.date | None = None
    a_decimal: decimal.Decimal = decimal.Decimal(1)
    an_id: uuid.UUID | None = None
    duration: Duration = 1.0
    either: dict[str, Any] | str | None = None
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    keys: SecretRefs = ()
    mapping: dict[str, int] = Field(default_factory=dict)
    some: tuple[str, ...] = Field(("a",), min_length=1, examples=[["GET"]])
    token: SecretRef | None = None
    named: str = Field("", alias="class")
    checked: str = ""

    @field_validator("checked")
    @classmethod
    def _check(cls, value: str) -> str:
        if value == "custom":
            raise PydanticCustomError("my_own", "is not what we sell")
        if value:
            raise ValueError(f"could not convert\n{value!r}")
        return value

    @model_validator(mode="after")
    def _together(self) -> "Table":
        if self.an_int == 13:
            raise ValueError("13 brings bad luck; take 14")
        return self


def say(raw: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Table.model_validate(raw)
    return [".".join(map(str, path)) + ": " + text for path, text in in_words(caught.value, Table, raw)]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"a_bool": 1}, "a_bool: must be true or false"),
        ({"a_float": "x"}, "a_float: must be a number, e.g. a_float = 0.5"),
        ({"a_float": -1}, "a_float: must be at least 0"),
        ({"a_float": 2}, "a_float: must be less than 1.5"),
        ({"an_int": "4"}, "an_int: must be a whole number, e.g. an_int = 4"),
        ({"an_int": 4.5}, "an_int: must be a whole number, e.g. an_int = 4"),
        ({"an_int": 0}, "an_int: must be more than 0"),
        ({"a_text": 4}, 'a_text: must be a text in quotes, e.g. a_text = "x"'),
        ({"a_text": ""}, "a_text: must not be empty"),
        ({"a_text": "abcdef"}, "a_text: must have at most 5 characters"),
        ({"a_text": "A"}, 'a_text: must match the pattern "^[a-z]*$"'),
        ({"a_list": "x"}, 'a_list: must be a list, e.g. ["..."]'),
        ({"a_list": ["a", "b", "c"]}, "a_list: must have at most 2 entries"),
        ({"a_list": ["a", 3]}, "a_list.1: must be a text in quotes"),
        ({"some": "GET"}, 'some: must be a list, e.g. some = ["GET"]'),
        ({"some": []}, "some: must not be empty"),
        ({"some": [3]}, "some.0: must be a text in quotes"),
        ({"a_literal": "activ"}, 'a_literal: must be one of "draft", "active"; did you mean \'active\'?'),
        ({"a_literal": 3}, 'a_literal: must be one of "draft", "active"'),
        ({"an_enum": "rod"}, 'an_enum: must be one of "red", "blue"; did you mean \'red\'?'),
        ({"a_date": "tomorrow"}, "a_date: must be a date"),
        ({"a_decimal": "x"}, "a_decimal: must be a number"),
        ({"an_id": "x"}, "an_id: must be a UUID"),
        ({"either": 3}, "either: must be a table or a text in quotes"),
        ({"inner": 3}, "inner: must be a table"),
        ({"inner": {}}, 'inner.required: is missing; write required = "..."'),
        (
            {"inner": {"required": "", "atempts": 3}},
            "inner.atempts: unknown key 'atempts'; did you mean 'attempts'?",
        ),
        ({"inner": {"required": "", "zzz": 3}}, "inner.zzz: unknown key 'zzz'; known are attempts, required"),
        ({"inners": [{"required": ""}, {}]}, 'inners.1.required: is missing; write required = "..."'),
        ({"inners": [{"required": "", "attempts": 0}]}, "inners.0.attempts: must be at least 1"),
        ({"mapping": {"a": "x"}}, "mapping.a: must be a whole number"),
        ({"mapping": []}, "mapping: must be a table"),
        (
            {"duration": "5"},
            'duration: must be a duration: "250ms", "5s", "2m", "1h", "7d", or seconds as a number',
        ),
        ({"clas": "x"}, "clas: unknown key 'clas'; did you mean 'class'?"),
        ({"class": 3}, "class: must be a text in quotes"),
        ({"an_int": 13}, ": 13 brings bad luck; take 14"),
        ({"checked": "custom"}, "checked: is not what we sell"),
    ],
)
def test_an_error_says_what_to_write(raw, said):
    """One line in the file's own words, whatever pydantic calls it."""
    assert say(raw) == [said]


def test_every_error_of_a_table_is_said():
    """Not only the first one, and in the order of the table's keys."""
    raw = {"a_bool": 1, "inner": {"attempts": "x"}, "keys": ["env:A", "x", 4], "zzz": 1}

    assert [each.split(":")[0] for each in say(raw)] == [
        "a_bool",
        "inner.attempts",
        "inner.required",
        "keys.1",
        "keys.2",
        "zzz",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        {"token": SECRET},
        {"keys": SECRET},
        {"keys": ["env:A", SECRET]},
        {"an_int": SECRET},
        {"a_float": SECRET},
        {"a_bool": SECRET},
        {"a_list": SECRET},
        {"a_literal": SECRET},
        {"an_enum": SECRET},
        {"a_date": SECRET},
        {"a_decimal": SECRET},
        {"an_id": SECRET},
        {"inner": SECRET},
        {"mapping": {"a": SECRET}},
        {"duration": SECRET},
        {"checked": SECRET},
        {"checked": f"a\n{SECRET}"},
        {"zzz": SECRET},
    ],
)
def test_no_value_is_repeated(raw):
    """A secret may stand wherever somebody pasted it; a library's ValueError that repeats it is masked."""
    assert [each for each in say(raw) if SECRET in each or "\n" in each] == []


CONTEXT: dict[str, Any] = {
    **dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "actual_length"), 1),
    **dict.fromkeys(
        ("max_digits", "decimal_places", "whole_digits", "max_length", "tz_expected", "tz_actual"), 1
    ),
    **dict.fromkeys(
        ("expected", "expected_schemes", "expected_tags", "discriminator", "tag", "pattern"), "'a'"
    ),
    **dict.fromkeys(
        ("class", "class_name", "method_name", "attribute", "encoding", "encoding_error"), "Thing"
    ),
    **dict.fromkeys(("expected_version", "field_name"), 4),
    **dict.fromkeys(("field_type", "error_type"), "Thing"),
    "error": ValueError("our words"),
}


@pytest.mark.parametrize("kind", list(get_args(ErrorType)))
def test_pydantics_own_words_are_never_used(kind):
    """For none of its types of errors, those of later versions included."""
    for error in ("our words", ValueError("our words")):
        context = {**CONTEXT, "error": error, "field_name": "a", "tz_actual": 1}
        try:
            theirs = PydanticKnownError(kind, context).message()
            raised = ValidationError.from_exception_data(
                "Table", [{"type": kind, "loc": ("an_int",), "input": SECRET, "ctx": context}]
            )
            break
        except TypeError:
            continue
    else:
        pytest.skip("its context is not among ours")

    texts = [text for _, text in in_words(raised, Table, {"an_int": SECRET})]

    assert len(texts) == 1
    assert theirs not in texts
    assert not any(word in texts[0] for word in ("Input", "Value error", "valid ", SECRET))


def test_our_own_words_may_have_the_value_in_an_example():
    """They never repeat it; a library's may, and then it is taken out."""
    with pytest.raises(ValidationError) as ours:
        Server(listen="127.0.0.1")
    texts = [text for _, text in in_words(ours.value, Server, {"listen": "127.0.0.1"})]

    assert texts == ['needs a port, e.g. "127.0.0.1:8080"; port 0 takes a free one']
