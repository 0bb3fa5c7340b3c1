"""The auth type `sigv4`: AWS Signature Version 4, by botocore's own signer (`pip install outrider[aws]`)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Annotated, Any, Self

from pydantic import Field as OptionField
from pydantic import StringConstraints, model_validator

from outrider.plugin import (
    Attempt,
    AttemptSend,
    AuthType,
    Exchange,
    Malformed,
    NameOrSecretRef,
    Response,
    SecretRef,
    Target,
    field,
)

from .aws_chunked import SIGNED, UNSIGNED, Unchunked
from .aws_credentials import Chain

_Text = Annotated[str, StringConstraints(min_length=1)]
_EMPTY = hashlib.sha256().hexdigest()
_HASH_FIELD = "x-amz-content-sha256"
#: Beside `host` and `x-amz-*`: what AWS wants signed if it is there, and nobody on the way changes.
_SIGNED_FIELDS = frozenset((b"content-type", b"content-md5"))
#: What a presigned URL of the app's own SDK has; and at S3, where boto3 still presigns by version 2.
_PRESIGNED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
)


_PRESIGNED_S3 = (*_PRESIGNED, "AWSAccessKeyId", "Expires", "Signature", "x-amz-security-token")


class SigV4(AuthType):
    """`[integrations.NAME.auth]` with `type = "sigv4"`; without keys, AWS's usual chain of credentials.

    ```toml
    type = "sigv4"
    region = "eu-central-1"
    service = "bedrock"
    access_key = "AKIAEXAMPLE"               # or the chain: environment, profile, container, instance role
    secret_key = "env:AWS_SECRET_ACCESS_KEY"
    session_token = "env:AWS_SESSION_TOKEN"
    profile = "production"                   # of the chain
    ```
    """

    region: _Text = OptionField(examples=["eu-central-1"])
    service: _Text = OptionField(examples=["bedrock"])
    access_key: NameOrSecretRef | None = None
    secret_key: SecretRef | None = None
    session_token: SecretRef | None = None
    profile: _Text | None = None

    @model_validator(mode="after")
    def _keys_are_a_pair(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together; write both, or neither")
        if self.session_token is not None and self.access_key is None:
            raise ValueError("session_token needs access_key and secret_key too")
        if self.profile is not None and self.access_key is not None:
            raise ValueError(
                "profile is of the chain, which access_key and secret_key replace; leave one out"
            )
        if find_spec("botocore") is None:
            raise ValueError("sigv4 needs an extra; pip install 'outrider[aws]'")
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """The fields it puts on, which are those that the app's own SDK signed with."""
        return ("authorization", "x-amz-date", "x-amz-security-token", _HASH_FIELD)

    @property
    def query(self) -> tuple[str, ...]:
        """What the app's own SDK presigned with."""
        return _PRESIGNED_S3 if self.service == "s3" else _PRESIGNED

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Sign each attempt for the host and the path that it really goes to."""
        signed_by = _signer(self.service, self.region)
        credentials = self._credentials(target)
        is_s3 = self.service == "s3"

        async def signed(attempt: Attempt) -> Response:
            payload = await (_s3_payload(attempt) if is_s3 else _payload(attempt))
            base, raw = target.aim(attempt.target)
            if not raw.isascii():
                raise Malformed("a path or query that is signed must be ASCII; percent-encode it")
            fields = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in attempt.fields
                if name.lower() in _SIGNED_FIELDS or name.lower().startswith(b"x-amz-")
            ]
            made = signed_by(
                await credentials(), attempt.method, f"{base.origin}{raw}", fields, payload, is_s3
            )
            attempt.fields.extend(field(name, value) for name, value in made)
            return await send(attempt)

        return signed

    def _credentials(self, target: Target) -> Callable[[], Awaitable[Any]]:
        """Give what gives the credentials of the moment: those of the configuration, or the chain's."""
        from botocore.credentials import ReadOnlyCredentials

        access, secret, token = self.access_key, self.secret_key, self.session_token
        if access is None or secret is None:
            return Chain(target.name, self._find).current

        def value(ref: SecretRef | str) -> str:
            return target.secret(ref).value if isinstance(ref, SecretRef) else ref

        async def configured() -> Any:
            return ReadOnlyCredentials(value(access), value(secret), value(token) if token else None)

        return configured

    def _find(self) -> Any:
        from botocore.session import Session

        return Session(profile=self.profile).get_credentials()


_Signed = list[tuple[str, str]]


def _signer(
    service: str, region: str
) -> Callable[[Any, str, str, list[tuple[str, str]], str, bool], _Signed]:
    """Give the function that has botocore sign: the fields to be put on."""
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest

    # At `debug` it writes all that it signs, the session token too.
    logging.getLogger("botocore.auth").setLevel(logging.INFO)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth

    class Signer(kind):  # type: ignore[misc,valid-type]
        """botocore's own; what is known of the body is not asked again."""

        def payload(self, request: Any) -> str:
            return str(request.context["payload"])

    def sign(
        credentials: Any, method: str, url: str, fields: list[tuple[str, str]], payload: str, is_s3: bool
    ) -> _Signed:
        request = AWSRequest(method=method, url=url)
        for name, value in fields:
            request.headers.add_header(name, value)
        request.context["payload"] = payload
        Signer(credentials, service, region).add_auth(request)
        names = ["X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256", "Authorization"]
        return [(name, request.headers[name]) for name in names if name in request.headers]

    return sign


async def _payload(attempt: Attempt) -> str:
    """Give the hash of a body: everywhere but at S3 it must be here in whole for that."""
    data = await attempt.exchange.body.gather()
    if data is None:
        raise Malformed(
            f"integration '{attempt.to.name}' signs bodies, and this one is too long to be kept", status=413
        )
    return hashlib.sha256(data).hexdigest() if data else _EMPTY


async def _s3_payload(attempt: Attempt) -> str:
    """Say what stands for the body of a request to S3: its hash, or that it is not signed.

    1. Chunks that nobody signed, with a checksum after them: they go on as they are.
    2. Chunks that the app's SDK signed with a key of its own: what is in them goes on.
    3. A body that is here in whole is signed, one that streams is not.
    """
    exchange = attempt.exchange
    announced = exchange.headers.get(_HASH_FIELD, "")
    if announced == UNSIGNED:
        return UNSIGNED
    if announced.startswith(SIGNED):
        _take_chunks_apart(attempt)
    data = exchange.body.data
    if data is None:
        return "UNSIGNED-PAYLOAD"
    return hashlib.sha256(data).hexdigest() if data else _EMPTY


def _take_chunks_apart(attempt: Attempt) -> None:
    exchange = attempt.exchange
    if not exchange.notes.get(Unchunked):
        exchange.notes[Unchunked] = True
        length = _decoded_length(exchange)
        exchange.body.recode(Unchunked(length), length=length)
    headers = attempt.headers
    codings = [coding.strip() for value in headers.get_all("Content-Encoding") for coding in value.split(",")]
    kept = [coding for coding in codings if coding and coding.lower() != "aws-chunked"]
    for name in (
        "Content-Encoding",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
        "x-amz-sdk-checksum-algorithm",
    ):
        headers.remove(name)
    if kept:
        headers.add("Content-Encoding", ", ".join(kept))


def _decoded_length(exchange: Exchange) -> int:
    text = exchange.headers.get("x-amz-decoded-content-length", "")
    if not text.isdecimal() or not text.isascii() or len(text) > 18:
        raise Malformed("an aws-chunked body needs x-amz-decoded-content-length, a number")
    return int(text)
