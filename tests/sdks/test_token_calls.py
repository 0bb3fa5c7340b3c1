"""SDKs that fetch a token by themselves: PyGithub as a GitHub App, and PayPal's."""

from collections.abc import Iterator

import pytest
from apimatic_core.exceptions.auth_validation_exception import AuthValidationException
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github import Auth, Github, GithubException, GithubIntegration
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply

CONFIG = """
[integrations.github]
provider = "github"
base_url = "{url}"
[integrations.github.auth]
type = "github_app"
app_id = 12
installation_id = 34
private_key = "env:PEM"

[integrations.paypal]
provider = "paypal"
base_url = "{url}"
auth = {{ client_id = "real-id", client_secret = "env:SECRET" }}
"""
CLIENT = '[clients.shop]\ntoken = "env:SHOP"\n'
PEM = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)
ENV = {"PEM": PEM, "SECRET": "real-secret", "SHOP": "shop-token", "NO_PROXY": "127.0.0.1,localhost"}


def answer(request: ReceivedRequest) -> Script:
    """The providers: a real token for our credential, and answers for that token alone."""
    if request.target == "/app/installations/34/access_tokens":
        return reply(201, {"token": "real-token", "expires_at": "2099-01-01T00:00:00Z"})
    if request.target == "/v1/oauth2/token":
        return reply(200, {"access_token": "real-token", "expires_in": 32400, "token_type": "Bearer"})
    if request.header("Authorization") != "Bearer real-token":
        return reply(401, {"message": "no"})
    if request.target == "/rate_limit":
        limit = {"limit": 5000, "remaining": 4999, "reset": 4000000000, "used": 1}
        return reply(200, {"resources": {"core": limit}, "rate": limit})
    return reply(200, {"id": "5O190127TN364715T", "status": "CREATED"})


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(answer) as started:
        yield started


@pytest.fixture(scope="module", params=["", CLIENT], ids=["anybody", "clients"])
def sidecar(request: pytest.FixtureRequest, provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=provider.url) + request.param, env=ENV) as started:
        yield started


def app(sidecar: Sidecar, id: str) -> GithubIntegration:
    """The app's own side of a GitHub App: an id, and a key that nobody else knows."""
    return GithubIntegration(auth=Auth.AppAuth(id, PEM), base_url=f"{sidecar.url}/github", retry=None)


def paypal(sidecar: Sidecar, secret: str) -> PaypalServersdkClient:
    """PayPal's client, with what the app has for a secret."""
    Configuration.environments[Environment.SANDBOX][Server.DEFAULT] = f"{sidecar.url}/paypal"
    return PaypalServersdkClient(
        client_credentials_auth_credentials=ClientCredentialsAuthCredentials(
            o_auth_client_id="x", o_auth_client_secret=secret
        ),
        environment=Environment.SANDBOX,
    )


def test_pygithub_as_an_app(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Its token is the client's, or means nothing; the provider sees the token of our own installation."""
    github: Github = app(sidecar, "shop-token").get_github_for_installation(99)

    assert github.get_rate_limit().rate.remaining == 4999
    assert app(sidecar, "shop-token").get_access_token(99).token in ("outrider", "shop-token")
    assert {request.target for request in provider.requests} <= {
        "/app/installations/34/access_tokens",
        "/rate_limit",
    }
    provider.clear()


def test_paypal(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Its SDK signs in here, and we at PayPal, once."""
    order = paypal(sidecar, "shop-token").orders.get_order({"id": "5O190127TN364715T"}).body

    assert order.status == "CREATED"
    assert [request.target for request in provider.requests] == [
        "/v1/oauth2/token",
        "/v2/checkout/orders/5O190127TN364715T",
    ]
    assert b"client_credentials" in provider.requests[0].body
    provider.clear()


def test_who_is_no_client_gets_no_token(provider: FakeProvider) -> None:
    """An error of the SDK, and nothing reaches the provider."""
    with Sidecar(CONFIG.format(url=provider.url) + CLIENT, env=ENV) as sidecar:
        with pytest.raises(GithubException) as github:
            app(sidecar, "12345").get_access_token(99)
        with pytest.raises(AuthValidationException):
            paypal(sidecar, "guessed").orders.get_order({"id": "1"})

    assert github.value.status == 401
    assert provider.requests == []
