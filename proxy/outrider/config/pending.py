"""Pending: what the contract of `config.toml` names and no plugin carries yet.

It is known and checked, and `outrider check` prints a note where it is used. A plugin that comes to carry
something deletes its line here; an auth type that a plugin gives is no longer pending by that alone.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from .base_url import BaseUrl
from .options import Options
from .secret import NameOrSecretRef, SecretRef
from .values import Text

PENDING_TABLES = frozenset(
    {
        "jobs",
    }
)
"""Tables of an integration."""

PENDING_ACTIONS = frozenset(
    {
        "queue",
        "refresh",
    }
)
"""Actions of `on`: each acts as `pass`."""

PENDING_POOLS = True
"""Whether a list of secrets is used as its first one only."""


class OAuth2(Options):
    """`type = "oauth2"`.

    ```toml
    type = "oauth2"
    grant = "client_credentials"    # client_credentials | refresh_token | jwt_bearer
    token_url = "https://login.acme.example/oauth/token"
    client_id = "outrider"
    client_secret = "env:ACME_CLIENT_SECRET"
    client_auth = "basic"           # basic | body
    scope = "charges:write"
    audience = "https://api.acme.example"
    resource = "https://api.acme.example"
    refresh_token = "env:ACME_REFRESH_TOKEN"
    private_key = "file:/run/secrets/acme.pem"
    ```
    """

    grant: Literal["client_credentials", "refresh_token", "jwt_bearer"] = "client_credentials"
    token_url: BaseUrl = Field(examples=["https://login.example.com/oauth/token"])
    client_id: NameOrSecretRef | None = None
    client_secret: SecretRef | None = None
    client_auth: Literal["basic", "body"] = "basic"
    scope: Text | None = None
    audience: Text | None = None
    resource: Text | None = None
    refresh_token: SecretRef | None = None
    private_key: SecretRef | None = None

    @model_validator(mode="after")
    def _grant_has_what_it_needs(self) -> Self:
        needs = {
            "client_credentials": ("client_id", "client_secret"),
            "refresh_token": ("client_id", "refresh_token"),
            "jwt_bearer": ("client_id", "private_key"),
        }[self.grant]
        missing = [key for key in needs if getattr(self, key) is None]
        if missing:
            raise ValueError(f'grant "{self.grant}" needs {" and ".join(missing)} too')
        return self


class GithubApp(Options):
    """`type = "github_app"`.

    ```toml
    type = "github_app"
    app_id = 12345
    installation_id = 67890
    private_key = "file:/run/secrets/app.pem"
    ```
    """

    app_id: NameOrSecretRef = Field(examples=[12345])
    installation_id: NameOrSecretRef = Field(examples=[67890])
    private_key: SecretRef = Field(examples=["file:/run/secrets/app.pem"])


class Google(Options):
    """`type = "google"`.

    ```toml
    type = "google"
    credentials = "file:/run/secrets/service-account.json"
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    ```
    """

    credentials: SecretRef = Field(examples=["file:/run/secrets/service-account.json"])
    scopes: tuple[Text, ...] = ()


PENDING_AUTH_TYPES: dict[str, type[Options]] = {
    "github_app": GithubApp,
    "google": Google,
    "oauth2": OAuth2,
}
"""Auth types: a call is answered with 503 unless a plugin gives the type."""
