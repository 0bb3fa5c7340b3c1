"""Alerts: the action `alert`. A log line that names the integration, once for a run of the same trouble."""

from __future__ import annotations

import logging

from outrider.events import BreakerOpened, CredentialRefreshed, KeyChanged, TargetFailed, TargetRecovered
from outrider.plugin import Events, hookimpl

LOG = logging.getLogger("outrider.alerts")


class Alerts:
    """What was said already, by target and reason; a good answer of the target ends a run."""

    def __init__(self) -> None:
        self._said: dict[str, set[str]] = {}

    def failed(self, event: TargetFailed) -> None:
        """Say it where the table wants it, and it was not said yet."""
        if "alert" in event.actions:
            self._say(event.target.name, event.reason, f"failed: {event.reason}")

    def opened(self, event: BreakerOpened) -> None:
        """Say that a target is left alone."""
        self._say(event.target.name, "breaker", f"left alone for {event.seconds:g} s: {event.why}")

    def refreshed(self, event: CredentialRefreshed) -> None:
        """Say that a credential was refused for good, and when there is one again."""
        said = self._said.setdefault(event.target.name, set())
        if event.result == "refused":
            self._say(event.target.name, "credential", f"its credential was refused: {event.why}; replace it")
        elif event.result == "ok" and "credential" in said:
            said.discard("credential")
            LOG.warning("integration '%s': has a credential again", event.target.name)

    def key(self, event: KeyChanged) -> None:
        """Say that a key of a pool was taken out, and when it is back."""
        which = f"key {event.position} of {event.of}"
        if event.change == "refused":
            self._say(event.target.name, which, f"{which} was refused and is left out; replace it")
        elif event.change == "back":
            self._said.setdefault(event.target.name, set()).discard(which)
            LOG.warning("integration '%s': %s is used again", event.target.name, which)

    def recovered(self, event: TargetRecovered) -> None:
        """Say that it is over; of a key that is left out, not."""
        said = self._said.get(event.target.name, set())
        over = {reason for reason in said if not reason.startswith("key ")}
        said -= over
        if over:
            LOG.warning("integration '%s': answers again", event.target.name)

    def _say(self, name: str, reason: str, text: str) -> None:
        said = self._said.setdefault(name, set())
        if reason not in said:
            said.add(reason)
            LOG.warning("integration '%s': %s", name, text)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Listen to what goes wrong."""
    alerts = Alerts()
    events.on(TargetFailed, alerts.failed)
    events.on(BreakerOpened, alerts.opened)
    events.on(CredentialRefreshed, alerts.refreshed)
    events.on(KeyChanged, alerts.key)
    events.on(TargetRecovered, alerts.recovered)
