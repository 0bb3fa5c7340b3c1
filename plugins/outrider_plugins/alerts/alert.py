"""An alert: one run of the same trouble, from its first sign until it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Key: TypeAlias = "tuple[str, str, str]"
"""Integration, kind and reason: what makes trouble the same."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What alerts of one kind have in common."""

    title: str
    """Its name in Alertmanager, after `Outrider`."""
    critical: bool = False
    quiet_s: float | None = None
    """Seconds without a further sign after which it is over, where nothing says that it is."""


#: By the name that `alerts.kinds` has.
KINDS = {
    "failing": Kind("Failing", critical=True),
    "invalid-key": Kind("InvalidKey", critical=True),
    "credential": Kind("CredentialNotRefreshed", critical=True),
    "breaker": Kind("BreakerOpen", critical=True),
    "budget": Kind("RetryBudgetSpent", quiet_s=60.0),
    "job": Kind("JobDead", quiet_s=3600.0),
    "deprecated": Kind("DeprecatedCall", quiet_s=3600.0),
    "limit": Kind("LimitNearlyUsed", quiet_s=300.0),
}


class Alert:
    """One run of the same trouble. Times are seconds since the epoch."""

    __slots__ = (
        "end",
        "ended",
        "id",
        "incident",
        "integration",
        "kind",
        "reason",
        "said",
        "seen",
        "since",
        "text",
    )

    def __init__(self, key: Key, text: str, since: float, id: str = "") -> None:
        self.integration, self.kind, self.reason = key
        self.text = text
        """What is wrong, on one line, without the integration's name."""
        self.since = self.seen = since
        self.id = id
        """The exchange that began it, for `outrider why`; "" where it was none."""
        self.ended: float | None = None
        self.end = ""
        """By what it is over."""
        self.incident = ""
        """What the provider's status page says of it."""
        self.said = False
        """Whether it was told to anybody."""

    def __repr__(self) -> str:
        state = "on" if self.ended is None else "over"
        return f"<Alert {self.integration} {self.kind} {self.reason} {state}>"

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.integration, self.kind, self.reason

    @property
    def severity(self) -> str:
        """`critical` where calls fail, `warning` where they soon may."""
        return "critical" if KINDS[self.kind].critical else "warning"

    @property
    def line(self) -> str:
        """What a person reads of it."""
        says = f"; its provider says: {self.incident}" if self.incident else ""
        return f"integration '{self.integration}': {self.text}{says}"
