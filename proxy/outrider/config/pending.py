"""Pending: what the contract of `config.toml` names and no plugin carries yet.

It is known and checked, and `outrider check` prints a note where it is used. A plugin that comes to carry
something deletes its line here; an auth type that a plugin gives is no longer pending by that alone.
"""

from __future__ import annotations

from pydantic import Field

from .options import Options
from .secret import NameOrSecretRef, SecretRef
from .values import Text


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
}
"""Auth types: a call is answered with 503 unless a plugin gives the type."""
