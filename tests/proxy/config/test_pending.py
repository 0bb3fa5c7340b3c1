import pytest
from pydantic import ValidationError

from outrider.config.pending import PENDING_AUTH_TYPES


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
