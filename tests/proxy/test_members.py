"""Members of bodies: what is taken off, and that nothing else changes."""

import pytest

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
