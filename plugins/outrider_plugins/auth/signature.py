"""The auth type `hmac`: signs each attempt, for APIs with a simple scheme of their own."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from time import time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from outrider.plugin import (
    Attempt,
    AttemptSend,
    AuthType,
    Malformed,
    Response,
    SecretRef,
    SecretRefs,
    Target,
    field,
)

from .static import as_keys, credential_header

_PLACE = re.compile(r"\{(\w*)\}")
_PARTS = ("body", "method", "path", "query", "target", "timestamp")
_FORMATS = ("signature", "timestamp")
_HeaderName = Annotated[str, AfterValidator(credential_header)]


def _template(*known: str) -> Callable[[str], str]:
    places = ", ".join(f"{{{name}}}" for name in known)

    def check(text: str) -> str:
        if not set(_PLACE.findall(text)) <= set(known):
            raise ValueError(f"has a placeholder that is not known; known are {places}")
        return text

    return check


def _has_signature(text: str) -> str:
    if text.count("{signature}") != 1:
        raise ValueError('must contain {signature} once, e.g. "sha256={signature}"')
    return text


class Hmac(AuthType):
    """`[integrations.NAME.auth]` with `type = "hmac"`: HMAC (RFC 2104) over what `payload` says, in a field.

    ```toml
    type = "hmac"
    secret = "env:ACME_SIGNING_KEY"
    header = "X-Signature"
    algorithm = "sha256"                                 # sha256 | sha1 | sha512
    encoding = "hex"                                     # hex | base64
    format = "sha256={signature}"
    payload = "{timestamp}.{method}.{target}.{body}"
    timestamp_header = "X-Timestamp"                     # Unix time, in seconds
    ```

    `{target}` is `{path}`, and `?{query}` where there is one, as they reach the provider, escapes and all.
    To sign a body it must be here in whole, so one beyond the caps of what is kept for another attempt
    (256 KiB) is refused with 413.
    """

    secret: SecretRefs
    header: _HeaderName = "X-Signature"
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    format: Annotated[str, AfterValidator(_template(*_FORMATS)), AfterValidator(_has_signature)] = (
        "{signature}"
    )
    payload: Annotated[str, AfterValidator(_template(*_PARTS))] = "{body}"
    timestamp_header: _HeaderName | None = None

    @model_validator(mode="after")
    def _timestamp_is_told(self) -> Self:
        if "{timestamp}" in self.payload and not self.timestamp_header and "{timestamp}" not in self.format:
            raise ValueError(
                "payload has a {timestamp} that nobody is told; write timestamp_header, or put it in format"
            )
        return self

    @model_validator(mode="after")
    def _fields_differ(self) -> Self:
        if self.timestamp_header is not None and self.timestamp_header.lower() == self.header.lower():
            raise ValueError("header and timestamp_header are the same field; name another one")
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """The fields it puts on."""
        return (self.header,) if self.timestamp_header is None else (self.header, self.timestamp_header)

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """A list of secrets is a pool."""
        return as_keys(self.secret)

    def wrap(self, target: Target, send: AttemptSend, *, clock: Callable[[], float] = time) -> AttemptSend:
        """Sign what is about to be sent, freshly for each attempt."""
        keys = [target.secret(ref).derive(str.encode) for ref in self.secret]
        # Text, placeholder, text, placeholder ...: what stands at an odd place is looked up.
        pieces = _PLACE.split(self.payload)
        wants_body = "{body}" in self.payload
        name = target.name

        async def signed(attempt: Attempt) -> Response:
            body = attempt.exchange.body
            if wants_body and await body.gather() is None:
                raise Malformed(
                    f"integration '{name}' signs bodies, and this one is too long to be kept", status=413
                )
            _, aim = target.aim(attempt.target)
            path, _, query = aim.partition("?")
            stamp = str(int(clock()))
            parts = {
                "body": body.data if wants_body else b"",
                "method": attempt.method.encode(),
                "path": path.encode("utf-8", "surrogateescape"),
                "query": query.encode("utf-8", "surrogateescape"),
                "target": aim.encode("utf-8", "surrogateescape"),
                "timestamp": stamp.encode(),
            }
            payload = b"".join(
                parts[piece] or b"" if index % 2 else piece.encode() for index, piece in enumerate(pieces)
            )
            digest = hmac.digest(keys[attempt.key](), payload, self.algorithm)
            text = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
            value = self.format.replace("{timestamp}", stamp).replace("{signature}", text)
            attempt.fields.append(field(self.header, value))
            if self.timestamp_header is not None:
                attempt.fields.append(field(self.timestamp_header, stamp))
            return await send(attempt)

        return signed
