"""AWS says what is wrong by a code: in a field, in JSON or in XML, under any status."""

import json

import pytest

from outrider.plugin import Response, Whole, field
from outrider_plugins.providers.aws import Aws


def response(status: int, body: str = "", error_type: str = "") -> Response:
    fields = [field("x-amzn-ErrorType", error_type)] if error_type else []
    return Response(status, fields, Whole(body.encode()))


def xml(code: str) -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"


@pytest.mark.parametrize(
    "said",
    [
        response(503, xml("SlowDown")),
        response(400, json.dumps({"__type": "com.amazonaws.dynamodb#ThrottlingException", "message": "no"})),
        response(400, json.dumps({"__type": "ProvisionedThroughputExceededException"})),
        response(400, json.dumps({"code": "RequestLimitExceeded"})),
        response(
            400,
            error_type="ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/",
        ),
        response(429, "{}"),
    ],
    ids=lambda each: str(each.status) + each.text[:40],
)
def test_a_limit_is_known_by_its_code(said: Response) -> None:
    """And so is tried again for every method, and holds back the next call."""
    assert Aws().limited(said)
    assert not Aws().key_refused(said)


@pytest.mark.parametrize(
    "said",
    [
        response(403, xml("SignatureDoesNotMatch")),
        response(400, xml("ExpiredToken")),
        response(403, error_type="UnrecognizedClientException"),
        response(400, json.dumps({"__type": "com.amazon.coral.service#ExpiredTokenException"})),
    ],
    ids=lambda each: str(each.status) + each.text[:40],
)
def test_a_refused_key_is_known_by_its_code(said: Response) -> None:
    """It is no 401."""
    assert Aws().key_refused(said)
    assert not Aws().limited(said)


@pytest.mark.parametrize(
    "said",
    [
        response(403, xml("AccessDenied")),
        response(
            400, json.dumps({"__type": "ValidationException", "message": "ThrottlingException is no name"})
        ),
        response(404, "<Error><Code>" + "x" * 200 + "</Code></Error>"),
        response(500, "[]"),
        response(500, json.dumps({"__type": 5})),
    ],
    ids=lambda each: str(each.status) + each.text[:40],
)
def test_another_code_is_neither(said: Response) -> None:
    """Words in a message mean nothing."""
    assert not Aws().limited(said)
    assert not Aws().key_refused(said)
    assert Aws().should_retry(said) is None


def test_a_request_that_did_not_arrive_is_sent_again() -> None:
    """Though it is a 400."""
    assert Aws().should_retry(response(400, xml("RequestTimeout"))) is True
