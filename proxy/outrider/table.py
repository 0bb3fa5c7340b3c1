"""The compiled configuration: what a request is matched against. A reload swaps one for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from .events import ExchangeDone
from .gate import check_target

if TYPE_CHECKING:
    from pathlib import Path

    from .clients import Clients
    from .config import Config
    from .events import Events
    from .gate import Hosts
    from .integration import Integration
    from .secrets import Vault

#: Targets that are remembered, and the longest of them: 256 KiB at most.
_REMEMBERED = 1024
_LONGEST = 256
_OWN = "/_outrider"


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
        """Stands for the integration of a request that belongs to none; below `/_outrider/` it answers."""
        self.hosts = hosts
        self.clients = clients
        self.events = events
        self.vault = vault
        self.max_body = config.server.max_body
        self.done = events.of(ExchangeDone)
        self._closers = list(closers)
        self._found: dict[str, tuple[Integration | None, str, str]] = {}

    def __repr__(self) -> str:
        return f"<Table of {len(self.integrations)} integrations, {self.in_flight} in flight>"

    def find(self, fixed: str, target: str) -> tuple[Integration | None, str, str]:
        """Match a raw target: the integration, the rest of the target, and the prefix that was taken off.

        `fixed` names the integration where the Host or the listener already does. Malformed where the
        target is nothing that is passed on; what was found well is remembered, up to a cap.
        """
        key = f"{fixed} {target}" if fixed else target
        found = self._found.get(key)
        if found is None:
            check_target(target)
            found = self._match(fixed, target)
            if len(key) <= _LONGEST and len(self._found) < _REMEMBERED:
                self._found[key] = found
        return found

    def _match(self, fixed: str, target: str) -> tuple[Integration | None, str, str]:
        if _reserved(target):
            return self.nobody, target[len(_OWN) :], _OWN
        if fixed:
            return self.integrations.get(fixed), target, ""
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
    return target.startswith(_OWN) and target[len(_OWN) : len(_OWN) + 1] in ("", "/", "?")
