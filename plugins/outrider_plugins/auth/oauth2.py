"""OAuth 2: tokens from a token endpoint, by three grants (RFC 6749 sections 4.4 and 6, RFC 7523)."""

from __future__ import annotations

import base64
import json
import math
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import Field, ValidationInfo, field_validator

from outrider.plugin import (
    DocumentRef,
    Fetched,
    NameOrSecretRef,
    OutriderError,
    SecretRef,
    Target,
    Text,
    Unreachable,
    UrlOrPath,
    conceal,
    fetch,
)
from outrider_plugins.limits.learned import retry_after

from .fetched import FetchedToken
from .kept import Kept, Stored, digest
from .tokens import Grant, Refused, Token

#: Seconds that an assertion of ours is good for; RFC 7523 asks for little.
ASSERTION_S = 300
#: Seconds that a server's clock may be from ours before a JWT that it refused is made anew.
APART_S = 2.0
#: Seconds that a token endpoint has.
TIMEOUT_S = 15.0
#: Who says that a token lives longer than this, in seconds, says nothing: the next 401 tells.
LONGEST_S = 366 * 86400.0
#: What another request would get as well (RFC 6749 section 5.2).
_FINAL = frozenset(
    ("invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type")
)
_CODE = re.compile(r"[a-z_]{1,40}")
_TOKEN = re.compile(r"[!-~]+")
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class OAuth2(FetchedToken):
    """`[integrations.NAME.auth]` with `type = "oauth2"`: a Bearer token that is fetched.

    ```toml
    type = "oauth2"
    grant = "client_credentials"    # client_credentials | refresh_token | jwt_bearer
    token_url = "https://login.acme.example/oauth/token"  # or a path: "/oauth/token" of the provider
    client_id = "outrider"
    client_secret = "env:ACME_CLIENT_SECRET"
    client_auth = "basic"           # basic | body
    scope = "charges:write"
    audience = "https://api.acme.example"
    resource = "https://api.acme.example"
    refresh_token = "env:ACME_REFRESH_TOKEN"
    private_key = "file:/run/secrets/acme.pem"
    subject = "user@acme.example"   # of a JWT; the client_id unless given
    key_id = "2026-11"              # of a JWT's header
    ```
    """

    token_url: UrlOrPath = Field(
        description="a path is one of the provider's own host",
        examples=["https://login.example.com/oauth/token"],
    )
    client_id: NameOrSecretRef | None = None
    client_secret: SecretRef | None = None
    client_auth: Literal["basic", "body"] = "basic"
    scope: Text | None = None
    audience: Text | None = None
    resource: Text | None = None
    refresh_token: SecretRef | None = None
    private_key: DocumentRef | None = None
    subject: Text | None = None
    key_id: Text | None = None

    # The last one, so that what it needs is looked at before, whatever else is wrong.
    grant: Literal["client_credentials", "refresh_token", "jwt_bearer"] = Field(
        "client_credentials", validate_default=True
    )

    @field_validator("grant")
    @classmethod
    def _has_what_it_needs(cls, grant: str, told: ValidationInfo) -> str:
        needs = {
            "client_credentials": ("client_id", "client_secret"),
            "refresh_token": ("client_id", "refresh_token"),
            "jwt_bearer": ("client_id", "private_key"),
        }[grant]
        missing = [key for key in needs if told.data.get(key, ...) is None]
        if missing:
            raise ValueError(f'grant "{grant}" needs {" and ".join(missing)} too')
        return grant

    def grant_of(self, target: Target) -> Grant:
        """Give how it is asked for."""
        return OAuth2Grant(self, target)


class OAuth2Grant(Grant):
    """How one target asks its token endpoint."""

    def __init__(self, options: OAuth2, target: Target, *, wall: Callable[[], float] = time) -> None:
        self.target = target
        self.url = options.token_url.at(target.base)
        self._options = options
        self._wall = wall
        self._apart_s = 0.0
        """By how much the server's clock is ahead of ours, where that matters."""
        self._their_time: float | None = None
        refs = (options.client_id, options.client_secret, options.refresh_token, options.private_key)
        self._secrets = [target.secret(ref) for ref in refs if isinstance(ref, SecretRef)]
        self._kept: Kept | None = None
        if options.grant == "refresh_token":
            self._kept = Kept(
                Path(target.token_dir), f"{self.url} {options.client_id} {options.refresh_token}"
            )

    @property
    def identity(self) -> object:
        """Whom it asks, and where it keeps what it gets."""
        return self.url, self.target.token_dir

    def stamp(self) -> object:
        """Change with the secrets, and with what another process has kept."""
        return tuple(secret.version for secret in self._secrets), self._kept and self._kept.stamp()

    async def ask(self, known: Token | None) -> Token:
        """Ask for a token. A refresh token that comes with it is kept before this returns."""
        if self._kept is not None:
            return await self._rotate(self._kept, known)
        options = self._options
        if options.grant == "jwt_bearer":
            return _token(await self._assert())[0]
        form = {"grant_type": "client_credentials", "audience": options.audience}
        return _token(await self._post(form))[0]

    async def _assert(self) -> Mapping[str, object]:
        """Ask with a JWT, and once more in the server's time where its clock is another one than ours."""
        try:
            return await self._post({"grant_type": _JWT_BEARER, "assertion": self._assertion()})
        except Refused:
            theirs = self._their_time
            if theirs is None or abs(theirs - self._wall() - self._apart_s) < APART_S:
                raise
            self._apart_s = theirs - self._wall()
        return await self._post({"grant_type": _JWT_BEARER, "assertion": self._assertion()})

    async def _rotate(self, kept: Kept, known: Token | None) -> Token:
        """Spend the refresh token, which may be good for once only, and keep the next one."""
        options, target = self._options, self.target
        assert options.refresh_token is not None
        configured = target.secret(options.refresh_token).value
        async with kept.locked():
            stored = kept.read()
            if stored is None or stored.seed != digest(configured):
                stored = Stored(digest(configured), configured)
            conceal(stored.refresh_token)
            left_s = stored.left_s(self._wall())
            if stored.access_token and stored.access_token != (known.value if known else "") and left_s > 0:
                # Another process has refreshed, or this one has before it was started again.
                return Token(stored.access_token, None if left_s == math.inf else left_s)
            kept.begin(stored, of=target.name)
            began = self._wall()
            form = {
                "grant_type": "refresh_token",
                "refresh_token": stored.refresh_token,
                "audience": options.audience,
            }
            try:
                token, rotated = _token(await self._post(form))
            except (Refused, OutriderError) as error:
                if not getattr(error, "written", False):
                    kept.end()  # it was not spent
                raise
            new = Stored(
                stored.seed,
                rotated or stored.refresh_token,
                token.value,
                obtained_at=began,
                seconds=token.seconds,
            )
            conceal(new.refresh_token)
            await kept.write(new, of=target.name)
            return token

    async def _post(self, form: Mapping[str, str | None]) -> Mapping[str, object]:
        """Send a token request; Refused or an OutriderError unless it is answered well."""
        options = self._options
        form = {**form, "scope": options.scope, "resource": options.resource}
        fields = [
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Accept", b"application/json"),
            (b"User-Agent", b"outrider"),
        ]
        client = self._value(options.client_id)
        secret = self._value(options.client_secret)
        if secret and options.client_auth == "basic":
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
            fields.append((b"Authorization", b"Basic " + base64.b64encode(pair.encode())))
        elif secret or options.grant == "refresh_token":
            form = {**form, "client_id": client, "client_secret": secret or None}
        body = urlencode({key: value for key, value in form.items() if value}).encode()
        own = self.url.authority == self.target.base.authority
        answer = await fetch(
            "POST",
            self.url,
            headers=fields,
            body=body,
            timeout_s=TIMEOUT_S,
            tls=self.target.tls if own else None,
        )
        self._their_time = _date(answer)
        return answered(answer, self.url.authority, self._wall())

    def _assertion(self) -> str:
        """Sign a JWT that says who asks (RFC 7523 section 3)."""
        options, now = self._options, int(self._wall() + self._apart_s)
        client = self._value(options.client_id)
        claims = {
            "iss": client,
            "sub": options.subject or client,
            "aud": options.audience or str(self.url),
            "iat": now,
            "exp": now + ASSERTION_S,
            "jti": secrets.token_hex(16),
        }
        if options.scope:
            claims["scope"] = options.scope
        headers = {"kid": options.key_id} if options.key_id else None
        return sign(self._value(options.private_key), claims, headers)

    def _value(self, ref: SecretRef | str | None) -> str:
        return self.target.secret(ref).value if isinstance(ref, SecretRef) else ref or ""


def sign(
    key: str,
    claims: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
    *,
    by: Sequence[str] = ("RS256", "ES256", "EdDSA"),
) -> str:
    """Sign a JWT with a PEM key, by the algorithm that the key is of. Refused where it is no such key."""
    import jwt  # its cryptography is 10 MB that only those who sign need

    for algorithm in by:
        try:
            return jwt.encode(dict(claims), key, algorithm, headers=dict(headers or {}))
        except (jwt.InvalidKeyError, TypeError, ValueError):
            continue
    kinds = {"RS256": "RSA", "ES256": "EC", "EdDSA": "Ed25519"}
    raise Refused(f"private_key is no {' or '.join(kinds[one] for one in by)} key in PEM")


def answered(answer: Fetched, where: str, now: float) -> Mapping[str, object]:
    """Read the answer of a token endpoint. No text of it is repeated but an error code of the standard."""
    text = answer.body.decode("utf-8", "replace")
    said: object
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = dict(parse_qsl(text))
    if not isinstance(said, dict):
        said = {}
    code = said.get("error")
    code = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if answer.status < 300 and not code:
        return said
    if code in _FINAL and (answer.status < 300 or answer.status in (400, 401, 403)):
        raise Refused(f"{where} says {code}")
    failed = Unreachable(
        f"{where} answered {answer.status}{f' {code}' if code else ''}", written=answer.status < 400
    )
    failed.retry_after_s = retry_after(answer.headers, now)
    raise failed


def _date(answer: Fetched) -> float | None:
    """Give the time that an answer says it was made at, in Unix seconds."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date") or "").timestamp()
    except ValueError:
        return None


def _token(said: Mapping[str, object]) -> tuple[Token, str]:
    """Give the token of an answer, and the refresh token that came with it, "" for none."""
    value, rotated = said.get("access_token"), said.get("refresh_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Unreachable("the token endpoint's answer has no access_token")
    return Token(value, _seconds(said.get("expires_in"))), rotated if isinstance(rotated, str) else ""


def _seconds(given: object) -> float | None:
    """Read `expires_in`: a number, or a text of one; None where it tells nothing that can be so."""
    try:
        seconds = (
            float(given) if isinstance(given, int | float | str) and not isinstance(given, bool) else 0.0
        )
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= LONGEST_S else None
