"""Flaws of what a layer hands on or gives back: each is told in words, and no value with it."""

from typing import Any

import pytest

from outrider.body import Body
from outrider.exchange import Attempt
from outrider.flaws import flaw_of, flaw_of_response
from outrider.response import Response, Whole
from proxy.test_exchange import exchange

FIELDS = [(b"Accept", b"*/*"), (b"X-Name", "café".encode()), (b"X-Tab", b"a\tb")]


def attempt() -> Attempt:
    travels = exchange(raw=tuple(FIELDS))
    travels.body = Body(b"abc", length=3)
    return Attempt(travels, travels.integration.target)


def test_what_is_well_has_none() -> None:
    """An attempt, its exchange, and a response, as they come."""
    assert [flaw_of(attempt()), flaw_of(attempt().exchange)] == ["", ""]
    assert flaw_of_response(Response(200, FIELDS, Whole(b""))) == ""


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (5, 'attempt.fields with int in it; a field is (b"name", b"value")'),
        ((b"X", b"1", b"2"), 'attempt.fields with tuple in it; a field is (b"name", b"value")'),
        ((b"X", "secret"), "attempt.fields with bytes and str as a field; they are bytes"),
        (("X", b"secret"), "attempt.fields with str and bytes as a field; they are bytes"),
        ((b"X-Key", b"secret\r\nX-Evil: 1"), "attempt.fields with a control character in X-Key"),
        ((b"X Key", b"secret"), "attempt.fields with b'X Key', which is no name of a field"),
        ((b"content-length", b"3"), "attempt.fields with content-length, which Outrider makes itself"),
        (
            (b"Transfer-Encoding", b"chunked"),
            "attempt.fields with Transfer-Encoding, which Outrider makes itself",
        ),
        ((b"Host", b"secret"), "attempt.fields with Host, which Outrider makes itself"),
    ],
)
def test_a_field(field: Any, said: str) -> None:
    """Of another type, that would split the request, or that is of its framing."""
    made = attempt()
    made.fields.append(field)

    assert flaw_of(made) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("fields", None, "attempt.fields that are NoneType; they are a list"),
        ("target", b"/x", "an attempt whose method or target is no str"),
        ("method", None, "an attempt whose method or target is no str"),
    ],
)
def test_what_else_an_attempt_has(name: str, value: Any, said: str) -> None:
    """Each must be what it was."""
    made = attempt()
    setattr(made, name, value)

    assert flaw_of(made) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "exchange.body that is NoneType; give outrider.plugin.Body"),
        (b"abc", "exchange.body that is bytes; give outrider.plugin.Body"),
        (Body("abc", length=3), "exchange.body whose data are str; they are bytes"),  # type: ignore[arg-type]
        (Body(b"abcd", length=3), "exchange.body of 4 bytes whose length is 3"),
        (Body(b"abc"), "exchange.body of 3 bytes whose length is None"),
        (Body(b"", length=0), ""),
        (Body(b""), ""),
    ],
)
def test_a_body(body: Any, said: str) -> None:
    """One that is no Body, or whose length is not its own: the rest would be another request."""
    made = attempt()
    made.exchange.body = body

    assert [flaw_of(made), flaw_of(made.exchange)] == [said, said]


def test_the_fields_of_an_exchange() -> None:
    """A layer of an exchange may have made them anew."""
    made = exchange()
    made.raw_headers = [("X", "1")]  # type: ignore[list-item]

    assert flaw_of(made) == "exchange.raw_headers with str and str as a field; they are bytes"


def test_something_else() -> None:
    """Neither is it, and a layer that hands it on has a mistake."""
    assert flaw_of(None) == "NoneType; hand on what the layer was given"
    assert flaw_of_response(None) == "NoneType; give a Response"
    split = Response(200, [(b"X", b"1\r\n2")], Whole(b""))
    assert flaw_of_response(split) == "response.fields with a control character in X"
