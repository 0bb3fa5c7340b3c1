"""Notes: where a file uses what is known and does nothing yet."""

from __future__ import annotations

from .integration import Config, IntegrationConfig
from .lines import KeyPath
from .problems import Report


def note_pending(config: Config, report: Report) -> None:
    """Add a note for each use of what is pending."""
    for name, integration in config.integrations.items():
        _note_integration(integration, ("integrations", name), report)


def _note_integration(integration: IntegrationConfig, path: KeyPath, report: Report) -> None:
    if integration.auth_pending:
        text = f"auth type {integration.auth_type!r} is not carried by an installed plugin yet"
        report.note((*path, "auth", "type"), f"{text}: calls are answered with 503")
