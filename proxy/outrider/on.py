"""The error table, `[integrations.NAME.on]`: what is done on an error.

A key that is given replaces its default, the others keep theirs. A layer asks whether its own action
is among those of an outcome; which of them comes first is settled by where the layers stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from .errors import AttemptFailed, Limited, OutriderError, TooSlow, Unavailable

#: Where the file is silent. `failover` does nothing without fallbacks, `refresh` without a token to renew.
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "401": ("refresh", "alert"),
    "408": ("retry",),
    "429": ("retry", "failover"),
    "501": ("pass",),
    "505": ("pass",),
    "5xx": ("retry", "failover", "message"),
    "unreachable": ("retry", "failover", "message"),
    "timeout": ("retry", "failover", "message"),
    "limited": ("failover", "message"),
}
_NOTHING: frozenset[str] = frozenset()
MOVED_ON = "outrider.moved-on"
"""The note of an exchange that moved on to a fallback: the actions of what it moved on from."""


class On:
    """The error table of one integration."""

    def __init__(self, given: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.table: dict[str, tuple[str, ...]] = {**DEFAULTS, **(given or {})}
        self._sets = {key: frozenset(actions) for key, actions in self.table.items()}

    def __repr__(self) -> str:
        return f"<On {', '.join(self.table)}>"

    def status(self, status: int) -> frozenset[str]:
        """Give the actions for a response of this status: its own key's, else its class's."""
        found = self._sets.get(str(status))
        return found if found is not None else self._sets.get(f"{status // 100}xx", _NOTHING)

    def error(self, error: OutriderError) -> frozenset[str]:
        """Give the actions for an attempt that gave no response."""
        return self._sets.get(key_of(error), _NOTHING)


def key_of(error: OutriderError) -> str:
    """Give the key under which the table has an error; "" for what no table decides on."""
    if isinstance(error, Limited):
        return "limited"
    if isinstance(error, TooSlow):
        return "timeout"
    return "unreachable" if isinstance(error, AttemptFailed | Unavailable) else ""
