"""Notes: where a file uses what is known and does nothing yet."""

from __future__ import annotations

from .integration import Config, IntegrationConfig
from .lines import KeyPath
from .pending import (
    PENDING_ACTIONS,
    PENDING_TABLES,
)
from .problems import Report


def note_pending(config: Config, report: Report) -> None:
    """Add a note for each use of what is pending."""
    for name, integration in config.integrations.items():
        _note_integration(integration, ("integrations", name), report)


def _note_integration(integration: IntegrationConfig, path: KeyPath, report: Report) -> None:
    for key in sorted(PENDING_TABLES):
        if getattr(integration, key) is not None:
            report.note((*path, key), _nothing_yet(key))
    for event, actions in (integration.on or {}).items():
        for index, action in enumerate(actions):
            if action in PENDING_ACTIONS:
                text = f"action {action!r} acts as 'pass' in this version"
                report.note((*path, "on", event, index), text)
    if integration.auth_pending:
        text = f"auth type {integration.auth_type!r} is not carried by an installed plugin yet"
        report.note((*path, "auth", "type"), f"{text}: calls are answered with 503")


def _nothing_yet(key: str) -> str:
    return f"{key!r} does nothing yet in this version"
