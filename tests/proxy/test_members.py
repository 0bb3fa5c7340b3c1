"""Members of bodies: what is taken off, and that nothing else changes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.members import texts_of, without_members

JSON, FORM = "application/json; charset=utf-8", "application/x-www-form-urlencoded"
NAMES = ("client_id", "secret")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ('{"client_id":"x","secret":"y","amount": 1.10}', '{"amount": 1.10}'),
        (
            '{ "amount" : 1e400 , "secret" : {"a": ["}", "\\""]} , "b" : [ 1 ] }',
            '{"amount" : 1e400,"b" : [ 1 ]}',
        ),
        ('{"secret": "y"}', "{}"),
        ('\n{"a": 1, "secret": null}\n', '{"a": 1}'),
        ('{"\\u0073ecret": "y", "é": "€"}', '{"é": "€"}'),
        ('{"secret": 1, "a": 2, "secret": 3}', '{"a": 2}'),
    ],
)
def test_members_of_json(given: str, left: str) -> None:
    """Numbers keep their digits, the others their bytes."""
    assert without_members(given.encode(), JSON, NAMES).decode() == left


@pytest.mark.parametrize(
    "given",
    [
        b'{"options": {"secret": "y", "client_id": 1}}',
        b'{"a": "secret"}',
        b'[{"secret": "y"}]',
        b'{"secret": "y"',
        b'{"secret": "y",}',
        b'{"secret": "y"} more',
        b'{"secret": ' + b"[" * 100_000,
        b'"secret"',
        b"secret",
        b"{}",
        b"{",
        b"",
        b'{"secret": "\xff"}',
    ],
)
def test_what_stays(given: bytes) -> None:
    """What is deeper in it, and what is no object."""
    assert without_members(given, JSON, NAMES) == given


def test_members_of_a_form() -> None:
    """However their names are escaped."""
    given = b"a=1&secret=y&sec%72et=z&%c3%a9=%e2%82%ac&a=2&b"

    assert without_members(given, FORM, NAMES) == b"a=1&%c3%a9=%e2%82%ac&a=2&b"
    assert without_members(b"a=1&b=%20", FORM, NAMES) == b"a=1&b=%20"


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b'{"a": "1", "b": 2}', {"a": "1"}),
        (b"a=1&b=%20x", {"a": "1", "b": " x"}),
        (b"[]", {}),
        (b"", {}),
        (b"[" * 100_000, {}),
    ],
)
def test_texts(data: bytes, texts: dict[str, str]) -> None:
    """Of a form or an object."""
    assert texts_of(data) == texts


NAMED = st.sampled_from([*NAMES, "a", 'b"c', "x\\", "", "é"])
VALUES = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMED, each, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(NAMED, VALUES, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_whatever_an_object_holds(members: dict[str, object], indent: int | None, ascii: bool) -> None:
    """It holds the same afterwards, but for what was taken off."""
    data = json.dumps(members, indent=indent, ensure_ascii=ascii).encode("utf-8", "replace")
    left = {name: value for name, value in json.loads(data).items() if name not in NAMES}

    assert json.loads(without_members(data, JSON, NAMES)) == left


@settings(deadline=None)
@given(st.binary(max_size=40), st.sampled_from([JSON, FORM, ""]))
def test_no_body_breaks_it(rest: bytes, kind: str) -> None:
    """What is no object and no form is left alone."""
    without_members(b'{"secret": 1,' + rest, kind, NAMES)
    texts_of(rest, kind)
