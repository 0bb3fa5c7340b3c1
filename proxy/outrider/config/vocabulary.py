"""Vocabulary: what the loaded plugins claim in `config.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .integration import INTEGRATION_KEYS, MADE_BY_US
from .options import Options


class ProviderFacts(Protocol):
    """What the configuration needs to know of a provider; a Provider class is one."""

    @property
    def base_url(self) -> str | None:
        """Where the provider is; None when every integration of it must say so."""


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
