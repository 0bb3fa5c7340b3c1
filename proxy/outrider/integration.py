"""Integration and Target as they run: compiled once for each load, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .config import Call
from .errors import AttemptFailed
from .events import Events
from .headers import CREDENTIALS, HOP_BY_HOP, OURS_OR_PROXY, REQUEST_ONLY, Filter
from .hosts import apart, hosts_of, places_of
from .idempotency import Idempotency
from .on import On
from .provider import LocalProvider
from .rotation import read_again

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from ssl import SSLContext

    from .auth import AuthType, Credential
    from .config import BaseUrl, IntegrationConfig, SecretRef
    from .errors import OutriderError
    from .exchange import Exchange
    from .facts import Incident
    from .headers import Headers
    from .layers import ExchangeSend, Placed
    from .provider import Provider
    from .response import Response
    from .secrets import Secret, Vault

#: Seconds, where neither the file nor the provider says otherwise.
DEFAULT_TIMEOUT = {"connect": 5.0, "response": 60.0, "idle": 60.0, "total": 120.0}
#: With these a provider refuses before it does anything.
_NOT_EXECUTED = frozenset((401, 403, 404, 429))


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long a target may take, in seconds.

    connect: until there is a connection. response: from the end of the request to the head of the
    response. idle: between two pieces of a body, either way. total: all of it, up to the head.
    """

    connect: float = 5.0
    response: float = 60.0
    idle: float = 60.0
    total: float = 120.0


class Target:
    """One place an integration can send to: a base URL, a provider, a credential."""

    def __init__(
        self,
        name: str,
        config: IntegrationConfig,
        base: BaseUrl,
        provider: Provider | None,
        vault: Vault,
    ) -> None:
        self.name = name
        self.config = config
        self.base = base
        self.provider = provider
        self.auth: AuthType | None = config.auth  # type: ignore[assignment]
        self.timeout = _timeout(config, provider)
        self.on = On(config.on)
        """What is done on an error of this target."""
        self.hosts = hosts_of(config, provider)
        """Its further origins, by name."""
        self.places = places_of(base, self.hosts)
        """Where URLs of it lead back to."""
        self.idempotency = Idempotency(provider)
        self.reads_errors = provider is not None and provider.reads_errors()
        """Whether its provider wants to see the bodies of errors: `await response.peek()` first."""
        self._vault = vault
        headers, query = _credential_places(self.auth, provider)
        self.credential_headers: frozenset[bytes] = headers
        self.credential_query: frozenset[str] = query
        self.credential_members: tuple[str, ...] = ()
        """Members of bodies in which the app's SDK may have a credential."""
        self.token_calls: tuple[Call, ...] = ()
        """The calls by which its SDK fetches a token: there is none to be had, the credential is ours."""
        passes = self.auth is not None and self.auth.passes_credentials
        if provider is not None and not passes:
            self.credential_members = provider.credential_members
        if provider is not None and self.auth is not None and not passes:
            self.token_calls = tuple(Call.parse(call) for call in provider.token_paths)
        self.tls: SSLContext | None = None
        """Its own authority and certificate, where `tls` is given; set by the compiler."""
        self.credential: Credential | None = None
        """What can be renewed after a 401; its auth type puts it here at load."""
        self.incident: Incident | None = None
        """What its provider says is wrong, where somebody looked: a plugin sets it, as it comes and goes."""
        # Set by the compiler, once.
        self.events = Events()
        """Where it is told what happens to it."""
        self.before: Target | None = None
        """While its layers are made at a reload: the one that it replaces, if it is the same account at the
        same place. What is known of that one holds on."""
        self.stack: tuple[Placed[Any], ...] = ()
        """Its layers, RETRY first."""
        self.send: ExchangeSend
        """Send an exchange to this target, with its own retries, breaker, limits and credential."""
        self.request_filter = Filter(HOP_BY_HOP | REQUEST_ONLY | headers, OURS_OR_PROXY)

    def __repr__(self) -> str:
        return f"<Target {self.name} {self.base}>"

    @property
    def where(self) -> str:
        """Where it sends to, for a person to read."""
        return "inside outrider" if isinstance(self.provider, LocalProvider) else str(self.base)

    def fetches_token(self, method: str, path: str) -> bool:
        """Whether a call is one of `token_calls`."""
        return any(call.matches(method, path) for call in self.token_calls)

    def status_of(self, response: Response) -> int:
        """Give the status that `on` goes by: 429 for what means a limit, 401 for what refuses the key."""
        status = response.meant
        if status < 400 or self.provider is None:
            return status
        if self.provider.limited(response):
            return 429
        return 401 if self.provider.key_refused(response) else status

    def may_have_acted(self, outcome: Response | OutriderError) -> bool:
        """Whether an attempt that ended so may have taken effect here."""
        if isinstance(outcome, AttemptFailed):
            return outcome.written
        return not isinstance(outcome, Exception) and self.status_of(outcome) not in _NOT_EXECUTED

    @property
    def stops(self) -> tuple[tuple[str, str], ...]:
        """The fields that tell its SDK not to begin anew."""
        return (("x-should-retry", "false"), *(self.provider.stop_headers if self.provider else ()))

    def stop(self, headers: Headers) -> None:
        """Tell its SDK not to begin anew: by those fields, and by no Retry-After that alone makes it."""
        for name, value in self.stops:
            headers.set(name, value)
        given = headers.get("Retry-After")
        if given is not None and self.provider is not None and self.provider.sdk_obeys_retry_after:
            headers.remove("Retry-After")
            headers.set("Outrider-Retry-After", given)

    def aim(self, target: str) -> tuple[BaseUrl, str]:
        """Give the origin, and the raw target there, that an attempt really goes to: for a signature."""
        name, rest = apart(target) if self.hosts else ("", target)
        base = self.hosts.get(name, self.base)
        rest = base.path + rest
        return base, rest if rest.startswith("/") else f"/{rest}"

    def secret(self, ref: SecretRef) -> Secret:
        """Give a secret of this configuration; it was resolved at load."""
        return self._vault.get(ref)

    def read_again(self, anew: Collection[SecretRef] = ()) -> None:
        """Read the secrets again whose files have changed: their versions tell.

        Those of `anew` are read in any case; where a command runs for them it belongs in a thread.
        """
        read_again(self._vault, anew)

    @property
    def token_dir(self) -> Path:
        """Where tokens are kept that replace what the file says."""
        return self._vault.token_dir


def _timeout(config: IntegrationConfig, provider: Provider | None) -> Timeout:
    chosen = dict(DEFAULT_TIMEOUT)
    if provider is not None:
        chosen.update(provider.timeout)
    given = {name: getattr(config.timeout, name) for name in chosen} if config.timeout is not None else {}
    chosen.update({name: value for name, value in given.items() if value is not None})
    if "total" not in {name for name, value in given.items() if value is not None}:
        chosen["total"] = max(chosen["total"], chosen["response"])
    return Timeout(**chosen)


def _credential_places(
    auth: AuthType | None, provider: Provider | None
) -> tuple[frozenset[bytes], frozenset[str]]:
    """Say where a credential can stand, so that the app's own is taken off before ours is put on."""
    if auth is not None and auth.passes_credentials:
        return frozenset(), frozenset()
    headers: set[bytes] = set(CREDENTIALS)
    query: set[str] = set()
    for source in (auth.headers if auth is not None else (), provider.credential_headers if provider else ()):
        headers.update(name.lower().encode("latin-1") for name in source)
    for names in (auth.query if auth is not None else (), provider.credential_query if provider else ()):
        query.update(names)
    return frozenset(headers), frozenset(query)


class Integration:
    """One section of `config.toml`, compiled: `send` is its whole request path."""

    def __init__(
        self, name: str, config: IntegrationConfig, target: Target, fallbacks: tuple[Target, ...] = ()
    ) -> None:
        self.name = name
        self.config = config
        self.target = target
        """The integration's own target."""
        self.fallbacks = fallbacks
        """The targets of other integrations that may take over, in order."""
        # Everything below is set by the compiler, once.
        self.stack: tuple[Placed[Exchange], ...] = ()
        self.keeps_body = False
        self.in_flight = 0
        """Exchanges under way."""
        self.send: ExchangeSend

    def __repr__(self) -> str:
        return f"<Integration {self.name} at {self.target.base}>"

    def describe(self) -> str:
        """Give the compiled stack on one line, the outermost layer first."""
        steps = [str(placed) for placed in (*self.stack, *self.target.stack)]
        return " > ".join([*steps, self.target.where])
