"""The auth type `github_app`: tokens of an installation of a GitHub App.

Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app, November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from time import time

from pydantic import Field

from outrider.plugin import (
    DocumentRef,
    Fetched,
    NameOrSecretRef,
    SecretRef,
    Target,
    Unreachable,
    fetch,
)
from outrider_plugins.limits.learned import retry_after

from .fetched import FetchedToken
from .oauth2 import TIMEOUT_S, sign
from .tokens import Grant, Refused, Token

#: Seconds by which a JWT begins before now, for clocks that run apart, and ends after it: 600 at most.
BACK_S, AHEAD_S = 60, 540
#: Clocks that run further apart than this, in seconds, are a reason to be refused.
_APART_S = 30.0


class GitHubApp(FetchedToken):
    """`[integrations.NAME.auth]` with `type = "github_app"`: a token of one installation, good for an hour.

    ```toml
    type = "github_app"
    app_id = 12345                                # or its client id
    installation_id = 67890
    private_key = "file:/run/secrets/app.pem"     # RSA, PEM
    ```

    It is asked for at the integration's own base URL, so that GitHub Enterprise works too.
    """

    app_id: NameOrSecretRef = Field(examples=[12345])
    installation_id: NameOrSecretRef = Field(examples=[67890])
    private_key: DocumentRef = Field(examples=["file:/run/secrets/app.pem"])

    def grant_of(self, target: Target) -> Grant:
        """Give how it is asked for."""
        return InstallationGrant(self, target)


class InstallationGrant(Grant):
    """How one target asks for tokens of its installation."""

    def __init__(self, options: GitHubApp, target: Target, *, wall: Callable[[], float] = time) -> None:
        self.target = target
        self._options = options
        self._wall = wall
        refs = (options.app_id, options.installation_id, options.private_key)
        self._secrets = [target.secret(ref) for ref in refs if isinstance(ref, SecretRef)]

    @property
    def identity(self) -> object:
        """Which GitHub it asks."""
        return self.target.base

    def stamp(self) -> object:
        """Change with the secrets."""
        return tuple(secret.version for secret in self._secrets)

    async def ask(self, known: Token | None) -> Token:
        """Ask for a token; once more by GitHub's own clock where ours may be why it refused."""
        now = self._wall()
        answer = await self._post(now)
        theirs = _date(answer, now)
        if answer.status == 401 and abs(theirs - now) > _APART_S:
            answer = await self._post(theirs)
        return _token(answer, self.target.base.authority, theirs)

    async def _post(self, now: float) -> Fetched:
        options = self._options
        installation = self._value(options.installation_id)
        if not installation.isdecimal():
            raise Refused("installation_id is no number")
        claims = {"iss": self._value(options.app_id), "iat": int(now) - BACK_S, "exp": int(now) + AHEAD_S}
        assertion = sign(self._value(options.private_key), claims, by=("RS256",))
        return await fetch(
            "POST",
            self.target.base,
            f"/app/installations/{installation}/access_tokens",
            headers=[
                (b"Authorization", b"Bearer " + assertion.encode()),
                (b"Accept", b"application/vnd.github+json"),
                (b"User-Agent", b"outrider"),
            ],
            timeout_s=TIMEOUT_S,
            tls=self.target.tls,
        )

    def _value(self, ref: SecretRef | str) -> str:
        return self.target.secret(ref).value if isinstance(ref, SecretRef) else ref


def _token(answer: Fetched, where: str, now: float) -> Token:
    """Read the answer; `now` is GitHub's clock, by which the token ends."""
    if answer.status == 401:
        raise Refused(f"{where} says 401; app_id and private_key do not belong together, or the app is gone")
    if answer.status == 404:
        raise Refused(f"{where} says 404; the app has no installation by installation_id")
    try:
        said = json.loads(answer.body) if answer.status == 201 else None
    except ValueError:
        said = None
    if not isinstance(said, Mapping) or not isinstance(said.get("token"), str):
        failed = Unreachable(f"{where} answered {answer.status}", written=answer.status < 400)
        failed.retry_after_s = retry_after(answer.headers, now)
        raise failed
    try:
        seconds = datetime.fromisoformat(str(said.get("expires_at"))).timestamp() - now
    except ValueError:
        seconds = 0.0
    return Token(said["token"], seconds if seconds > 0 else None)


def _date(answer: Fetched, now: float) -> float:
    """Give the time that the answer says it is, in seconds since 1970; ours where it says none."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date") or "").timestamp()
    except (TypeError, ValueError):
        return now
