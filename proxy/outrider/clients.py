"""Who may call: `[clients.*]`. Once there is one, every call needs a client's token."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .errors import Forbidden, Unauthorized
from .members import texts_of

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from .config import Call
    from .exchange import Exchange
    from .integration import Integration
    from .secrets import Secret

CLIENT_FIELD = "Outrider-Token"
_FIELDS = ("X-Api-Key", "Api-Key")


class Client:
    """One caller that we know."""

    __slots__ = ("endpoints", "integrations", "name", "token")

    def __init__(
        self,
        name: str,
        token: Secret,
        integrations: frozenset[str] | None = None,
        endpoints: tuple[Call, ...] | None = None,
    ) -> None:
        self.name = name
        self.token = token.derive(str.encode)
        self.integrations = integrations
        """The names of those that it may call; None for all."""
        self.endpoints = endpoints
        """The calls that it may make at any of them; None for all."""

    def __repr__(self) -> str:
        return f"<Client {self.name}>"

    def check(self, exchange: Exchange) -> None:
        """Refuse a call that is not for this client: Forbidden."""
        name = exchange.integration.name
        if self.integrations is not None and name not in self.integrations:
            raise Forbidden(f"client '{self.name}' may not call integration '{name}'")
        if self.endpoints is not None:
            method, path = exchange.method, exchange.path or "/"
            if exchange.integration.target.fetches_token(method, path):
                return  # its SDK does that before any call that is allowed; the layer that answers it checks
            if not exchange.is_one_of(self.endpoints):
                raise Forbidden(f"client '{self.name}' may not call {method} {path}")


class Clients:
    """Knows a caller by its token, compared in constant time, wherever its SDK puts it."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients = clients

    def identify(self, headers: CIMultiDictProxy[str], integration: Integration | None, query: str) -> Client:
        """Give the caller; Unauthorized where it is nobody that we know."""
        found: Client | None = None
        for offered in _offered(headers, integration, query):
            found = self._find(offered.encode("utf-8", "surrogateescape")) or found
        if found is None:
            raise Unauthorized(
                f"the client is not known; send its token in {CLIENT_FIELD}, or where the provider's key goes"
            )
        return found

    def identify_by_body(
        self, data: bytes, names: Iterable[str], content_type: str | None = None
    ) -> Client | None:
        """Give the caller by one of these members of a body; None where it is nobody.

        Not where a user's consent is turned into a token: that call goes to the provider, body and all.
        """
        texts = texts_of(data, content_type)
        if texts.get("grant_type") == "authorization_code":
            return None
        found: Client | None = None
        for name in names:
            found = found or self._find(texts.get(name, "").encode("utf-8", "surrogateescape"))
        return found

    def _find(self, offered: bytes) -> Client | None:
        found = None
        for client in self._clients:
            if hmac.compare_digest(client.token(), offered):
                found = client
        return found


def bearer_or_basic(authorization: str) -> Iterator[str]:
    """Give what an Authorization field offers: the token, or either half of a Basic pair."""
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError):
            return
        yield from pair.split(":", 1)
    elif rest:
        yield rest
    elif scheme:
        yield scheme


def _issuer(token: str) -> Iterator[str]:
    """Give whom a JWT names: there the SDK of a GitHub App has its id, and so a client may have its token.

    Nobody has to verify the signature: whoever knows the token may send it.
    """
    import jwt  # its cryptography is 10 MB that only those need whose SDK signs

    try:
        yield str(jwt.decode(token, options={"verify_signature": False})["iss"])
    except (jwt.InvalidTokenError, KeyError, ValueError, RecursionError):
        return


def _access_key(credential: str) -> Iterator[str]:
    """Give whom an AWS signature names, `KEY/DATE/REGION/SERVICE/aws4_request`: so its SDKs send the key."""
    key, *scope = credential.rsplit("/", 4)
    if len(scope) == 4:
        yield key


def _offered(headers: CIMultiDictProxy[str], integration: Integration | None, query: str) -> Iterator[str]:
    yield from headers.getall(CLIENT_FIELD, ())
    if integration is not None and not integration.target.credential_headers:
        return  # what the app sends there is the provider's, and goes to the provider
    for value in headers.getall("Authorization", ()):
        for offered in bearer_or_basic(value):
            yield offered
            if offered.startswith("Credential="):
                yield from _access_key(offered.partition("=")[2].partition(",")[0])
            elif value.startswith("AWS "):  # version 2: KEY:SIGNATURE
                yield offered.rpartition(":")[0]
            if integration is not None and integration.target.token_calls and offered.count(".") == 2:
                yield from _issuer(offered)
    names = set(_FIELDS)
    parameters: frozenset[str] = frozenset()
    if integration is not None:
        names.update(name.decode("latin-1") for name in integration.target.credential_headers)
        parameters = integration.target.credential_query
    for name in names - {"authorization", "proxy-authorization"}:
        for value in headers.getall(name, ()):
            yield value
            yield value.rpartition(" ")[2]  # an SDK may dress the key: "Token KEY"
    for pair in query.split("&") if parameters else ():
        key, _, value = pair.partition("=")
        if (name := unquote_plus(key)) in parameters:
            yield unquote_plus(value)
            if name == "X-Amz-Credential":
                yield from _access_key(unquote_plus(value))
