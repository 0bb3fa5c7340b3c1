"""The auth type `google`: tokens of a service account, by google-auth (`pip install outrider[google]`).

google-auth makes the claims, signs them and reads the answer; the request between goes through `fetch`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from time import time
from types import SimpleNamespace
from typing import Any, Self

from pydantic import Field, model_validator

from outrider.config import Url
from outrider.plugin import DocumentRef, Target, Text, Unreachable, fetch

from .fetched import FetchedToken
from .oauth2 import TIMEOUT_S, answered
from .tokens import Grant, Refused, Token

#: What a service account may do is said by its roles; the scope is as wide as they are.
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleAccount(FetchedToken):
    """`[integrations.NAME.auth]` with `type = "google"`: a token of a service account.

    ```toml
    type = "google"
    credentials = "file:/run/secrets/service-account.json"
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    audience = "https://service-abc.a.run.app"     # an ID token for it, instead of scopes
    subject = "user@example.com"                   # on whose behalf, by delegation over a whole domain
    ```
    """

    credentials: DocumentRef = Field(examples=["file:/run/secrets/service-account.json"])
    scopes: tuple[Text, ...] = Field((), examples=[[SCOPE]])
    audience: Text | None = None
    subject: Text | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.audience is not None and (self.scopes or self.subject is not None):
            raise ValueError("an ID token for audience has no scopes and no subject; leave them out, or it")
        if not _has_google_auth():
            raise ValueError("google needs an extra; pip install 'outrider[google]'")
        return self

    def grant_of(self, target: Target) -> Grant:
        """Give how it is asked for."""
        return GoogleGrant(self, target)


def _has_google_auth() -> bool:
    try:
        return find_spec("google.auth") is not None
    except ModuleNotFoundError:  # not even another package below google
        return False


class GoogleGrant(Grant):
    """How one target asks Google, at the `token_uri` of its credentials."""

    def __init__(self, options: GoogleAccount, target: Target) -> None:
        self.target = target
        self._options = options
        self._secret = target.secret(options.credentials)

    @property
    def identity(self) -> object:
        """Everything is in the options."""
        return None

    def stamp(self) -> object:
        """Change with the file."""
        return self._secret.version

    async def ask(self, known: Token | None) -> Token:
        """Have google-auth ask, in a thread: it waits."""
        from google.auth.exceptions import GoogleAuthError

        credentials = self._credentials()
        loop = asyncio.get_running_loop()

        def request(url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Any:
            asking = _ask(url, method, body or b"", headers or {})
            return asyncio.run_coroutine_threadsafe(asking, loop).result()

        try:
            await asyncio.to_thread(credentials.refresh, request)
        except (GoogleAuthError, ValueError, TypeError) as error:
            # Not its text: what the server said could be in it.
            raise Unreachable(f"google-auth could not read the answer: {type(error).__name__}") from None
        expiry = credentials.expiry
        left_s = (
            (expiry - datetime.now(UTC).replace(tzinfo=None)).total_seconds() if expiry is not None else 0.0
        )
        return Token(credentials.token, left_s if left_s > 0 else None)

    def _credentials(self) -> Any:
        from google.oauth2 import service_account

        options = self._options
        try:
            info = json.loads(self._secret.value)
            if options.audience is not None:
                return service_account.IDTokenCredentials.from_service_account_info(
                    info, target_audience=options.audience
                )
            return service_account.Credentials.from_service_account_info(
                info, scopes=options.scopes or (SCOPE,), subject=options.subject
            )
        except (ValueError, TypeError, AttributeError):
            raise Refused("credentials is no key file of a service account") from None


async def _ask(url: str, method: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """Carry a request of google-auth's. Refused or an OutriderError for any failure: it would try again."""
    try:
        to = Url.parse(url)
    except ValueError:
        raise Refused("the token_uri of credentials is no URL") from None
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    data = body.encode() if isinstance(body, str) else body
    answer = await fetch(method, to, headers=fields, body=data, timeout_s=TIMEOUT_S)
    answered(answer, to.authority, time())
    return SimpleNamespace(
        status=answer.status,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers.fields},
        data=answer.body,
    )
