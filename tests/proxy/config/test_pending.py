import pytest
from pydantic import ValidationError

from outrider.config import ACTIONS, INTEGRATION_KEYS
from outrider.config.pending import (
    PENDING_ACTIONS,
    PENDING_AUTH_TYPES,
    PENDING_TABLES,
)


def test_what_is_pending_is_in_the_contract():
    """A line left behind for something renamed would note nothing."""
    assert set(INTEGRATION_KEYS) >= PENDING_TABLES
    assert set(ACTIONS) - {"pass"} >= PENDING_ACTIONS


OAUTH2 = {"token_url": "https://a/token", "client_id": "me"}


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("oauth2", {**OAUTH2, "client_secret": "env:A"}),
        ("oauth2", {**OAUTH2, "client_secret": "env:A", "scope": "a b", "audience": "x", "resource": "y"}),
        (
            "oauth2",
            {**OAUTH2, "grant": "client_credentials", "client_secret": "env:A", "client_auth": "body"},
        ),
        ("oauth2", {**OAUTH2, "grant": "refresh_token", "refresh_token": "file:t"}),
        ("oauth2", {**OAUTH2, "grant": "jwt_bearer", "private_key": "file:k"}),
        ("github_app", {"app_id": 1, "installation_id": "env:I", "private_key": "file:k"}),
        ("google", {"credentials": "file:c"}),
        ("google", {"credentials": "env:C", "scopes": ["a"]}),
    ],
)
def test_an_auth_type_of_the_contract_is_checked_before_it_is_carried(type_, raw):
    """So that a file that is right stays right."""
    assert PENDING_AUTH_TYPES[type_].model_validate(raw)


@pytest.mark.parametrize(
    ("type_", "raw", "words"),
    [
        ("oauth2", OAUTH2, "needs client_secret too"),
        ("oauth2", {"token_url": "https://a"}, "needs client_id and client_secret too"),
        ("oauth2", {**OAUTH2, "grant": "refresh_token", "client_secret": "env:A"}, "needs refresh_token too"),
        ("oauth2", {**OAUTH2, "grant": "jwt_bearer"}, "needs private_key too"),
        ("oauth2", {"client_id": "me", "client_secret": "env:A"}, "token_url"),
        ("oauth2", {**OAUTH2, "client_secret": "sk_live"}, "a literal secret is refused"),
        ("oauth2", {**OAUTH2, "client_secret": "env:A", "grant": "password"}, "grant"),
        ("oauth2", {**OAUTH2, "client_secret": "env:A", "client_auth": "post"}, "client_auth"),
        ("github_app", {"app_id": 1, "installation_id": 2}, "private_key"),
        ("google", {}, "credentials"),
    ],
)
def test_an_auth_type_of_the_contract_says_what_it_lacks(type_, raw, words):
    """What each grant needs is known too."""
    with pytest.raises(ValidationError, match=words):
        PENDING_AUTH_TYPES[type_].model_validate(raw)
