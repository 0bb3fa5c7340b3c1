"""Providers by OAuth 2: the base URL and a client are all that most people write."""

import http.client

import pytest

from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply

CONFIG = """
[integrations.api]
provider = "{provider}"
base_url = "{url}"
auth = {{ client_id = "me", client_secret = "env:SECRET" }}
"""


@pytest.mark.parametrize(
    ("provider", "path"), [("paypal", "/v1/oauth2/token"), ("salesforce", "/services/oauth2/token")]
)
def test_a_token_is_fetched_at_the_api_s_own_host(provider: str, path: str) -> None:
    """A sandbox, or a customer's own address, is asked for its own tokens."""

    def answer(request: ReceivedRequest) -> Script:
        if request.target == path:
            return reply(200, {"access_token": "token-1", "expires_in": 3600})
        return reply(200, {"ok": True})

    with FakeProvider(answer) as fake:
        config = CONFIG.format(provider=provider, url=fake.url)
        with Sidecar(config, env={"SECRET": "hush-hush"}) as sidecar:
            connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
            connection.request("GET", "/api/things", headers={"Authorization": "Bearer dummy"})
            status = connection.getresponse().status
            connection.close()

    token, call = fake.requests
    assert status == 200
    assert token.body == b"grant_type=client_credentials"
    assert (token.header("Authorization") or "").startswith("Basic ")
    assert (call.target, call.header("Authorization")) == ("/things", "Bearer token-1")
