"""GitHub: a 403 is a limit as often as a missing permission."""

import pytest

from outrider.plugin import Response, Whole, field
from outrider_plugins.providers.github import GitHub

SECONDARY = '{"message": "You have exceeded a secondary rate limit. Please wait"}'


def response(status: int, body: str = "", **fields: str) -> Response:
    named = [field(name.replace("_", "-"), value) for name, value in fields.items()]
    return Response(status, named, Whole(body.encode()))


@pytest.mark.parametrize(
    ("said", "is_limit", "wait_s"),
    [
        (response(403, SECONDARY), True, 60.0),
        (response(429, SECONDARY), True, 60.0),
        (response(403, SECONDARY, Retry_After="7"), True, None),
        (
            response(403, '{"message": "API rate limit exceeded for user"}', X_RateLimit_Remaining="0"),
            True,
            None,
        ),
        (response(403, "{}", X_RateLimit_Remaining="0"), True, None),
        (response(403, '{"message": "Resource not accessible"}', X_RateLimit_Remaining="4999"), False, None),
        (response(404, SECONDARY), False, None),
    ],
)
def test_what_is_a_limit(said: Response, is_limit: bool, wait_s: float | None) -> None:
    """By its fields or its words; a secondary one that does not say how long is waited for a minute."""
    assert GitHub().limited(said) is is_limit
    assert GitHub().retry_after(said) == wait_s
