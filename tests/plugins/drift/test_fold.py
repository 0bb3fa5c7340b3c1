"""Paths are folded into templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_plugins.drift.fold import fold


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/charges", "/v1/charges"),
        ("/v1/payment_intents", "/v1/payment_intents"),
        ("/v1/customers/cus_9s6XKzkNRiz8i3", "/v1/customers/{id}"),
        ("/v1/charges/ch_123/refunds/4", "/v1/charges/{id}/refunds/{id}"),
        ("/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef", "/2010-04-01/Accounts/{id}"),
        ("/users/6f1b2c3d-1111-2222-3333-abcdefabcdef/mail", "/users/{id}/mail"),
        ("/repos/acme/site/commits/0a1b2c3d4e5f", "/repos/acme/site/commits/{id}"),
        ("/channels/C024BE91L", "/channels/{id}"),
        ("/contacts/jane%40example.com", "/contacts/{address}"),
        ("/files/a%20name", "/files/{name}"),
        ("/v1beta/models/gemini-pro:generateContent", "/v1beta/models/gemini-pro:generateContent"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_what_names_a_thing_is_folded(path: str, template: str) -> None:
    """Ids of every usual kind; the names of the API and its versions stay."""
    assert fold(path) == template


@given(st.text(alphabet="/abc123-_.%@ABCxyz", max_size=300))
def test_a_template_folds_to_itself_in_length(path: str) -> None:
    """However a path is made, its template is bounded."""
    assert len(fold("/" + path)) <= 13 * 41 + 5
