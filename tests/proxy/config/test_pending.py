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


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
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
        ("github_app", {"app_id": 1, "installation_id": 2}, "private_key"),
        ("google", {}, "credentials"),
    ],
)
def test_an_auth_type_of_the_contract_says_what_it_lacks(type_, raw, words):
    """What each grant needs is known too."""
    with pytest.raises(ValidationError, match=words):
        PENDING_AUTH_TYPES[type_].model_validate(raw)
