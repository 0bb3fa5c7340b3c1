"""What a provider's facts are made of."""

import pytest

from outrider.config import Rate
from outrider.facts import Plan, Published, Sign, fill, json_of, said
from outrider.headers import Headers
from outrider.problem import Problem
from outrider.response import Response, Whole, respond

PROBLEM = Problem("urn:outrider:slow-down", "Too Many Requests", 429, "wait", "acme", "x1")


def test_a_plan_keeps_what_can_be_kept() -> None:
    """What counts tokens, or is per endpoint, is told and not kept to."""
    plan = Plan(
        (
            Published("190/10s", burst=20),
            Published("10/s", per="channel"),
            Published("90000/m", counts="tokens"),
            Published(note="not published"),
        ),
        source="https://acme.example/limits",
        as_of="2026-11-23",
    )

    (limit,) = plan.kept()

    assert (limit.rate, limit.burst) == (Rate(190, 10), 20)


@pytest.mark.parametrize(("rate", "burst"), [("25/s", None), ("190/10s", 190), ("5000/h", 5000)])
def test_all_of_a_long_window_may_go_at_once(rate: str, burst: int | None) -> None:
    """A script that makes a hundred calls in a minute is within 5000 an hour."""
    assert Published(rate).limit().burst == burst


def test_a_published_limit_reads_well() -> None:
    """With what it counts, what it is per, and whether it is sure."""
    published = Published("90000/m", counts="tokens", per="model", note="tier 1", sure=False)

    assert str(published) == "90000/m tokens per model (tier 1) (unsure)"


def test_a_published_limit_of_many_calls_names_a_few() -> None:
    """The others are counted."""
    calls = tuple(f"GET /v1/{name}" for name in "abcde")

    assert str(Published("2/s", calls=calls)) == "2/s for GET /v1/a, GET /v1/b, GET /v1/c and 2 more"
    assert str(Published(counts="tasks")) == "no number published of tasks"


def test_a_sign_reads_well() -> None:
    """As the page of providers has it."""
    assert str(Sign(429)) == "429"
    assert str(Sign(403, field="Retry-After")) == "403 with Retry-After"
    assert str(Sign(words=("spent", "over"))) == "any status that says spent or over"


@pytest.mark.parametrize(
    ("sign", "seen"),
    [
        (Sign(403), True),
        (Sign(429), False),
        (Sign(403, field="Retry-After"), True),
        (Sign(403, field="X-Left: 0"), True),
        (Sign(403, field="X-Left: 1"), False),
        (Sign(field="X-Other"), False),
        (Sign(words=("spent", "secondary rate")), True),
        (Sign(403, field="Retry-After", words=("nothing of it",)), False),
    ],
)
def test_a_sign_holds_when_all_of_it_does(sign: Sign, seen: bool) -> None:
    """Its status, its field, and one of its words."""
    response = respond(403, "a secondary rate limit", [("retry-after", "3"), ("x-left", "0")])

    assert sign.seen_in(response) == seen


def test_an_envelope_is_filled_in() -> None:
    """A text that is one placeholder becomes the value itself, at any depth."""
    template = {"error": [{"code": "{status}", "text": "{title}: {message}", "kind": "{code}", "n": None}]}

    assert fill(template, PROBLEM) == {
        "error": [{"code": 429, "text": "Too Many Requests: wait (x1)", "kind": "slow_down", "n": None}]
    }


def test_what_a_response_says_of_retries() -> None:
    """Any provider may use either of the two fields."""
    assert said(Headers([(b"X-Should-Retry", b"true")])) is True
    assert said(Headers([(b"Stripe-Should-Retry", b"false")])) is False
    assert said(Headers([(b"x-should-retry", b"perhaps")])) is None


def test_a_body_that_is_no_json_is_none() -> None:
    """A provider's HTML page raises nothing."""
    assert json_of(Response(503, [], Whole(b"<html>"))) is None
    assert json_of(Response(503, [], Whole(b'{"a": 1}'))) == {"a": 1}
