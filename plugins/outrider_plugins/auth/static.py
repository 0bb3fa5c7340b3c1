"""Static credentials: made at load from a secret bound to one target, anew only when that changes."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, StringConstraints, model_validator
from pydantic import Field as Length

from outrider.plugin import (
    Attempt,
    AttemptSend,
    AuthType,
    Field,
    NameOrSecretRef,
    Response,
    SecretRef,
    SecretRefs,
    Target,
    field,
    with_parameter,
)


def credential_header(name: str) -> str:
    """Check the name of a field that a credential is to stand in; ValueError otherwise."""
    if (
        not name
        or not all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)
        or not name.isascii()
    ):
        raise ValueError('must be the name of a header field, e.g. "X-Api-Key"')
    if name.lower() in (
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "expect",
    ):
        raise ValueError("this field belongs to the connection; a credential cannot stand in it")
    if name.lower() == "via" or name.lower().startswith(("outrider-", "x-outrider-")):
        raise ValueError("this field is Outrider's own; a credential cannot stand in it")
    return name


def _format(text: str) -> str:
    if text.count("{secret}") != 1 or text.replace("{secret}", "").count("{"):
        raise ValueError('must contain {secret} once, e.g. "Token {secret}"')
    try:
        field("x", text)
    except UnicodeEncodeError:
        raise ValueError("has a character that cannot stand in a header; write it in Latin-1") from None
    return text


def _username(name: SecretRef | str) -> SecretRef | str:
    if isinstance(name, str) and ":" in name:
        raise ValueError("must not have a colon in it (RFC 7617); what follows it belongs in password")
    return name


def _value(target: Target, ref: SecretRef | str) -> str:
    return target.secret(ref).value if isinstance(ref, SecretRef) else ref


def as_keys(refs: Sequence[SecretRef]) -> tuple[tuple[SecretRef, ...], ...]:
    """Give the keys of a list of secrets: one each."""
    return tuple((ref,) for ref in refs)


def _with_field(
    target: Target, refs: Sequence[SecretRef], name: str, make: Any, send: AttemptSend
) -> AttemptSend:
    """Give a `send` that appends one field, made of the secret as it is at that moment."""
    credentials = [target.secret(ref).derive(lambda secret: field(name, make(secret))) for ref in refs]
    if len(credentials) > 1:

        def authorized_by_one(attempt: Attempt) -> Awaitable[Response]:
            attempt.fields.append(credentials[attempt.key]())
            return send(attempt)

        return authorized_by_one
    (credential,) = credentials

    def authorized(attempt: Attempt) -> Awaitable[Response]:
        attempt.fields.append(credential())
        return send(attempt)

    return authorized


class Bearer(AuthType):
    """`[integrations.NAME.auth]` with `type = "bearer"`: `Authorization: Bearer TOKEN` (RFC 6750)."""

    token: SecretRefs

    @property
    def headers(self) -> tuple[str, ...]:
        """The field it puts on."""
        return ("authorization",)

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """A list of tokens is a pool."""
        return as_keys(self.token)

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put the token on."""
        return _with_field(target, self.token, "Authorization", lambda token: f"Bearer {token}", send)


class Basic(AuthType):
    """`[integrations.NAME.auth]` with `type = "basic"`: `Authorization: Basic ...` (RFC 7617).

    Many APIs want a key as the user name and nothing as the password: leave `password` out.
    """

    username: Annotated[NameOrSecretRef, AfterValidator(_username)] = ""
    password: SecretRefs | None = None

    @model_validator(mode="after")
    def _has_a_half(self) -> Self:
        if not self.username and self.password is None:
            raise ValueError("a Basic pair needs a half at least; write username, or password, or both")
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """The field it puts on."""
        return ("authorization",)

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """A list of passwords is a pool: each goes with the one user name."""
        user = (self.username,) if isinstance(self.username, SecretRef) else ()
        return tuple((password, *user) for password in self.password or ())

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put the pair on."""
        pairs = [self._pair(target, password) for password in self.password or (None,)]

        def authorized(attempt: Attempt) -> Awaitable[Response]:
            attempt.fields.append(pairs[attempt.key]())
            return send(attempt)

        return authorized

    def _pair(self, target: Target, password: SecretRef | None) -> Callable[[], Field]:
        """Give what gives the field; it is made anew when either half has changed."""
        user = self.username
        secrets = [target.secret(ref) for ref in (user, password) if isinstance(ref, SecretRef)]

        def pair() -> Field:
            text = f"{_value(target, user)}:{_value(target, password) if password is not None else ''}"
            return field("Authorization", "Basic " + base64.b64encode(text.encode()).decode())

        made, versions = pair(), [secret.version for secret in secrets]

        def paired() -> Field:
            nonlocal made, versions
            now = [secret.version for secret in secrets]
            if now != versions:
                made, versions = pair(), now
            return made

        return paired


class Header(AuthType):
    """`[integrations.NAME.auth]` with `type = "header"`: any field, dressed by `format`."""

    name: Annotated[str, AfterValidator(credential_header)]
    value: SecretRefs
    format: Annotated[str, AfterValidator(_format)] = "{secret}"

    @property
    def headers(self) -> tuple[str, ...]:
        """The field it puts on."""
        return (self.name,)

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """A list of values is a pool."""
        return as_keys(self.value)

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put the field on."""
        return _with_field(
            target, self.value, self.name, lambda secret: self.format.replace("{secret}", secret), send
        )


class Several(AuthType):
    """`[integrations.NAME.auth]` with `type = "headers"`: a pair of fields, an id and its secret."""

    fields: Annotated[
        dict[Annotated[str, AfterValidator(credential_header)], SecretRefs], Length(min_length=1)
    ]

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if len({name.lower() for name in self.fields}) < len(self.fields):
            raise ValueError("one of fields is named twice; the case of its letters makes no difference")
        lengths = {len(refs) for refs in self.fields.values()} - {1}
        if len(lengths) > 1:
            raise ValueError(
                "the lists in fields are of different lengths; write one secret for each key in each"
            )
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """The fields it puts on."""
        return tuple(self.fields)

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """Lists are a pool: the first of each are one key. What is no list goes with each."""
        several = max(len(refs) for refs in self.fields.values())
        return tuple(
            tuple(refs[place % len(refs)] for refs in self.fields.values()) for place in range(several)
        )

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put the fields on."""
        for name, refs in self.fields.items():
            send = _with_field(target, refs, name, str, send)
        return send


class Query(AuthType):
    """`[integrations.NAME.auth]` with `type = "query"`: a parameter of the query."""

    name: Annotated[str, StringConstraints(min_length=1)]
    value: SecretRefs

    @property
    def query(self) -> tuple[str, ...]:
        """The parameter it puts on."""
        return (self.name,)

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """A list of values is a pool."""
        return as_keys(self.value)

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put the parameter at the end of the query."""
        secrets, name = [target.secret(ref) for ref in self.value], self.name

        def authorized(attempt: Attempt) -> Awaitable[Response]:
            attempt.target = with_parameter(attempt.target, name, secrets[attempt.key].value)
            return send(attempt)

        return authorized


class NoAuth(AuthType):
    """`[integrations.NAME.auth]` with `type = "none"`: no credential goes out, the app's own neither."""

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put nothing on."""
        return send


class Pass(AuthType):
    """`[integrations.NAME.auth]` with `type = "pass"`: the app's own credential goes through."""

    @property
    def passes_credentials(self) -> bool:
        """That is what it is for."""
        return True

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put nothing on."""
        return send
