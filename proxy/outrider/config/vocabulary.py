"""Vocabulary: what the loaded plugins claim in `config.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .integration import INTEGRATION_KEYS, MADE_BY_US
from .options import Options
from .resilience import Limit


class ProviderFacts(Protocol):
    """What the configuration needs to know of a provider; a Provider class is one."""

    @property
    def base_url(self) -> str | None:
        """Where the provider is; None when every integration of it must say so."""

    @property
    def base_url_form(self) -> str:
        """What that looks like then, `"https://{shop}.acme.example"`; "" where nothing is known."""

    @property
    def auth(self) -> Mapping[str, Any]:
        """The usual `auth` table, without secrets; its `type` may be left out in the file."""

    @property
    def plans(self) -> Mapping[str, PlanFacts]:
        """What it publishes, by the names that `plan` may have; empty: `plan` is for people."""


class PlanFacts(Protocol):
    """What the configuration needs to know of a plan."""

    def kept(self) -> tuple[Limit, ...]:
        """Give the limits that an integration on this plan has, unless the file gives its own."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that plugins give to the file, each with what belongs to it.

    `tables` are tables of an integration, `[integrations.NAME.TABLE]`. Raises ValueError for one whose name
    the contract has already.
    """

    providers: Mapping[str, ProviderFacts] = field(default_factory=dict)
    auth_types: Mapping[str, type[Options]] = field(default_factory=dict)
    tables: Mapping[str, type[Options]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = sorted(self.tables.keys() & {*INTEGRATION_KEYS, *MADE_BY_US})
        if taken:
            raise ValueError(f"table {taken[0]!r} is Outrider's own; give the plugin's table another name")
