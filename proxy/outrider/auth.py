"""Auth types: the options of one way to authenticate, and the layer that puts the credential on."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

from .config import Options, SecretRef, secret_refs

if TYPE_CHECKING:
    from .exchange import Exchange
    from .integration import Target
    from .layers import AttemptSend


class Credential(Protocol):
    """A credential that can be replaced while the program runs; `wrap` puts it at `target.credential`."""

    @property
    def times(self) -> int:
        """How often one exchange may be sent again with another one: there is no other after that."""

    def replaces(self, status: int) -> bool:
        """Whether a response of this status, as `target.status_of` has it, asks for another one."""

    async def renew(self, exchange: Exchange) -> bool:
        """Get another one than `exchange.credential`, which was refused; whether there is one now.

        It may wait until the deadline of the exchange.
        """

    def rests_s(self, exchange: Exchange) -> float | None:
        """Give the seconds until it can be used after a limit, None where the limit itself says it."""

    def describe(self) -> dict[str, object]:
        """Say how it stands, for a page: no secret is in it."""


class AuthType(Options):
    """The options of `[integrations.NAME.auth]` for one `type`; a plugin gives it by that name.

    `wrap` runs at load, for one target: secrets are bound there, so that a credential can never
    reach another one.
    """

    @property
    def headers(self) -> tuple[str, ...]:
        """Names of the fields that it puts on: taken off what the app sent, always."""
        return ()

    @property
    def query(self) -> tuple[str, ...]:
        """Names of the query parameters that it puts on, likewise."""
        return ()

    @property
    def passes_credentials(self) -> bool:
        """Whether the app's own credential fields go through (`type = "pass"`)."""
        return False

    @property
    def keys(self) -> tuple[tuple[SecretRef, ...], ...]:
        """Where a secret is a list, a pool: the references of each key. `attempt.key` says which is meant."""
        return ()

    @property
    def rotating(self) -> tuple[SecretRef, ...]:
        """The references among its secrets to what may be replaced at any time: all but an environment."""
        return tuple(ref for _, ref in secret_refs(self) if ref.kind != "env")

    @property
    def renews(self) -> bool:
        """Whether `target.credential` can be renewed, so that a request must be at hand a second time."""
        return len(self.keys) > 1 or bool(self.rotating)

    @abstractmethod
    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Give a `send` that puts the credential of `target` on every attempt, freshly."""
