"""OAuth 2: what its table must say, and what of an answer is believed."""

import json

import pytest
from pydantic import ValidationError

from outrider.config import BaseUrl
from outrider.errors import Unreachable
from outrider.headers import Headers
from outrider.transport import Fetched
from outrider_plugins.auth.oauth2 import OAuth2, _token, answered
from outrider_plugins.auth.tokens import Refused

OAUTH2 = {"token_url": "https://a/token", "client_id": "me"}


@pytest.mark.parametrize(
    "raw",
    [
        {**OAUTH2, "client_secret": "env:A", "scope": "a b", "audience": "x", "resource": "y"},
        {**OAUTH2, "grant": "client_credentials", "client_secret": "env:A", "client_auth": "body"},
        {**OAUTH2, "grant": "refresh_token", "refresh_token": "file:t"},
        {**OAUTH2, "grant": "jwt_bearer", "private_key": "file:k", "subject": "s", "key_id": "k"},
    ],
)
def test_a_table_that_is_right(raw: dict[str, str]) -> None:
    """Each grant with what it needs."""
    assert OAuth2.model_validate(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (OAUTH2, "needs client_secret too"),
        ({"token_url": "https://a"}, "needs client_id and client_secret too"),
        ({**OAUTH2, "grant": "refresh_token", "client_secret": "env:A"}, "needs refresh_token too"),
        ({**OAUTH2, "grant": "jwt_bearer"}, "needs private_key too"),
        ({"client_id": "me", "client_secret": "env:A"}, "token_url"),
        ({"client_id": "me"}, r"(?s)token_url.*needs client_secret too"),
        ({**OAUTH2, "client_secret": "sk_live"}, "a literal secret is refused"),
        ({**OAUTH2, "client_secret": "env:A", "grant": "password"}, "grant"),
        ({**OAUTH2, "client_secret": "env:A", "client_auth": "post"}, "client_auth"),
        (
            {**OAUTH2, "client_secret": "env:A", "token_url": "https://a?k=sk_live_51H"},
            "must not have a query",
        ),
        ({**OAUTH2, "client_secret": "env:A", "token_url": "/token?k=sk_live_51H"}, "must not have a query"),
        ({**OAUTH2, "client_secret": "env:A", "token_url": "//evil.example/t"}, "empty segments"),
    ],
)
def test_a_table_that_lacks_something(raw: dict[str, str], words: str) -> None:
    """It says what, and repeats no value."""
    with pytest.raises(ValidationError, match=words) as raised:
        OAuth2.model_validate(raw)

    assert "sk_live" not in str(raised.value)


def test_a_slash_at_the_end_of_the_token_url_is_kept() -> None:
    """Some servers have the endpoint nowhere else."""
    options = OAuth2.model_validate({**OAUTH2, "client_secret": "env:A", "token_url": "https://a/o/token/"})

    assert str(options.token_url.at(BaseUrl.parse("https://b"))) == "https://a/o/token/"


def test_a_path_is_one_of_the_provider_s_own_host() -> None:
    """Whatever the path of its base URL; so a sandbox is asked for its own tokens."""
    options = OAuth2.model_validate({**OAUTH2, "client_secret": "env:A", "token_url": "/v1/oauth2/token"})

    assert str(options.token_url.at(BaseUrl.parse("http://b:81/api"))) == "http://b:81/v1/oauth2/token"


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "invalid_scope", "unauthorized_client"])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_what_is_refused_for_good(code: str, status: int) -> None:
    """By the codes of RFC 6749 section 5.2, whatever the status; the description is not repeated."""
    body = json.dumps({"error": code, "error_description": "secret"}).encode()

    with pytest.raises(Refused, match=f"^login.example says {code}$"):
        answered(Fetched(status, Headers(), body), "login.example", 0.0)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"<html>", "login.example answered 500"),
        (503, b'{"error": "temporarily_unavailable"}', "login.example answered 503 temporarily_unavailable"),
        (429, b'{"error": "slow_down"}', "login.example answered 429 slow_down"),
        (500, b'{"error": "invalid_grant"}', "login.example answered 500 invalid_grant"),
        (400, b'{"error": "Secret \\n text"}', "login.example answered 400"),
        (302, b"", "login.example answered 302"),
        (400, b"[1]", "login.example answered 400"),
        (400, b"[" * 100_000, "login.example answered 400"),
    ],
)
def test_what_may_pass(status: int, body: bytes, said: str) -> None:
    """Everything else, with the time that Retry-After gives."""
    with pytest.raises(Unreachable, match=f"^{said}$") as raised:
        answered(Fetched(status, Headers([(b"Retry-After", b"7")]), body), "login.example", 0.0)

    assert raised.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        *((value, float(value)) for value in (1, 0.5, "3600", "3600.5", " 60 ", "1e3", 366 * 86400)),
        *((value, None) for value in (0, -1, "0", "-3600", "", "soon", "1h", "nan", "inf", 366 * 86400 + 1)),
        *((value, None) for value in (None, True, False, [], [3600], {}, 10**400, "9" * 5000, float("nan"))),
        *((value, None) for value in (float("inf"), float("-inf"))),
    ],
)
def test_what_a_lifetime_may_say(given: object, seconds: float | None) -> None:
    """What cannot be a lifetime tells nothing, and a token without one is kept until it is refused."""
    token, _ = _token({"access_token": "a", "expires_in": given})

    assert token.seconds == seconds


@pytest.mark.parametrize("said", [{}, {"access_token": ""}, {"access_token": "a\nb"}, {"access_token": 3}])
def test_an_answer_without_a_token(said: dict[str, object]) -> None:
    """It is a failure in passing, and what could split a header is none."""
    with pytest.raises(Unreachable, match="has no access_token"):
        _token(said)


def test_a_form_is_an_answer_too() -> None:
    """Some servers answer so whatever `Accept` says."""
    said = answered(Fetched(200, Headers(), b"access_token=abc&expires_in=60"), "login.example", 0.0)

    token, rotated = _token(said)

    assert (token.value, token.seconds, rotated) == ("abc", 60.0, "")
