"""The compiled configuration: what a request is matched against. A reload swaps one for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from .events import ExchangeDone

if TYPE_CHECKING:
    from pathlib import Path

    from .clients import Clients
    from .config import Config
    from .events import Events
    from .gate import Hosts
    from .integration import Integration
    from .secrets import Vault


class Table:
    """Everything that a configuration compiles to. Exchanges under way keep the one they began with."""

    def __init__(
        self,
        *,
        path: Path,
        config: Config,
        integrations: dict[str, Integration],
        nobody: Integration,
        hosts: Hosts,
        clients: Clients | None,
        events: Events,
        vault: Vault,
        closers: Iterable[Callable[[], Awaitable[None]]],
    ) -> None:
        self.path = path
        self.config = config
        self.integrations = integrations
        """Those that are routed: a draft without its secret is not."""
        self.nobody = nobody
        """Stands for the integration of a request that belongs to none."""
        self.hosts = hosts
        self.clients = clients
        self.events = events
        self.vault = vault
        self.max_body = config.server.max_body
        self.done = events.of(ExchangeDone)
        self._closers = list(closers)

    def __repr__(self) -> str:
        return f"<Table of {len(self.integrations)} integrations, {self.in_flight} in flight>"

    def find(self, fixed: str, target: str) -> tuple[Integration | None, str, str]:
        """Match a raw target: the integration, the rest of the target, and the prefix that was taken off.

        `fixed` names the integration where the Host or the listener already does.
        """
        if fixed:
            return (None if _reserved(target) else self.integrations.get(fixed)), target, ""
        end = target.find("/", 1)
        query = target.find("?")
        if end < 0 or 0 <= query < end:
            end = query if query >= 0 else len(target)
        return self.integrations.get(target[1:end]), target[end:], target[:end]

    @property
    def in_flight(self) -> int:
        """Exchanges that are under way in this table."""
        return sum(integration.in_flight for integration in (*self.integrations.values(), self.nobody))

    async def close(self) -> None:
        """Close the pools of every target."""
        for closer in self._closers:
            await closer()


def _reserved(target: str) -> bool:
    return target.startswith("/_outrider") and target[10:11] in ("", "/", "?")
