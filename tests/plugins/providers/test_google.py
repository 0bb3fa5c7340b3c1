"""Google says in the body how long to wait, and what kind of error it is."""

import json

import pytest

from outrider.plugin import Problem, Response, Whole
from outrider_plugins.providers.gcp import GoogleCloud
from outrider_plugins.providers.gemini import Gemini

INFO = "type.googleapis.com/google.rpc.RetryInfo"


def response(*details: object) -> Response:
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": list(details)}}
    return Response(429, [], Whole(json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        (({"@type": INFO, "retryDelay": "34s"},), 34.0),
        (({"@type": "x", "reason": "y"}, {"@type": INFO, "retryDelay": "0.250s"}), 0.25),
        (({"@type": INFO, "retryDelay": "-1s"},), None),
        (({"@type": INFO, "retryDelay": 34},), None),
        (("34s", None), None),
        ((), None),
    ],
)
def test_how_long_to_wait(details: tuple[object, ...], seconds: float | None) -> None:
    """google.rpc.RetryInfo, wherever it stands among the details; rubbish is nothing."""
    assert Gemini().retry_after(response(*details)) == seconds


@pytest.mark.parametrize(
    ("status", "code"), [(429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE"), (502, "INTERNAL")]
)
def test_our_own_answers_have_a_canonical_code(status: int, code: str) -> None:
    """Its SDKs look at that."""
    said = GoogleCloud().error_body(Problem("urn:outrider:x", "t", status, "no connection", "gcp", "id1"))

    assert said == {"error": {"code": status, "message": "no connection (id1)", "status": code}}


def test_a_quota_of_the_day_is_not_waited_for() -> None:
    """It shares its status with "slow down"."""
    violation = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}

    assert Gemini().should_retry(response(violation)) is False
    assert Gemini().should_retry(response({"@type": INFO, "retryDelay": "3s"})) is None
