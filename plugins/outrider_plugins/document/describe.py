"""Make the document of a compiled table: from what runs, not from what a file says of itself."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from . import words
from .flow import flow_of
from .model import UNKNOWN, Document, Item, Section

if TYPE_CHECKING:
    from outrider.plugin import Integration
    from outrider.table import Table

OVERVIEW = (
    "This document outlines the architecture and design for integrating with external third-party services."
)
#: Where the file says nothing else; the errors that every section names.
_ALWAYS = ("401", "429", "5xx")


def describe(table: Table, today: date) -> Document:
    """Describe every integration of a table, in the order of the file."""
    head = table.config.document
    return Document(
        updated=today.isoformat(),
        status=head.status,
        target_state=words.one_line(head.target_state) or UNKNOWN,
        overview=head.overview.strip() or OVERVIEW,
        sections=tuple(_section(one) for one in table.integrations.values()),
    )


def _section(integration: Integration) -> Section:
    target, config = integration.target, integration.config
    provider = target.provider
    documentation = config.documentation or (provider.documentation if provider is not None else "")
    about = (
        Item("Purpose", words.one_line(config.purpose) or UNKNOWN),
        Item("Provider", words.title(target)),
        Item("Documentation", words.one_line(documentation) or UNKNOWN),
    )
    return Section(
        name=integration.name,
        about=about,
        details=_details(integration),
        endpoints=tuple(
            Item(str(one.call), words.one_line(one.purpose) or UNKNOWN) for one in config.endpoints
        ),
        flow=flow_of(integration),
        handling=(
            Item("Strategy", words.strategy(target)),
            Item("Timeouts", words.timeouts(target)),
        ),
        errors=_errors(integration),
        limits=(
            Item("Provider Limits", words.published(target) or UNKNOWN),
            Item("Our Strategy", words.our_limits(target)),
        ),
        fallback=(Item("If Service is Unavailable", words.unavailable(integration)),),
    )


def _status(integration: Integration) -> str:
    match integration.config.status:
        case "draft":
            return "Draft: not routed until its secret is there"
        case "deprecated":
            return "Deprecated: callers are told in `Deprecation`, and counted"
    return "Active"


def _details(integration: Integration) -> tuple[Item, ...]:
    target, config = integration.target, integration.config
    provider = target.provider
    sdk = config.sdk or (provider.sdk if provider is not None else "")
    page = provider.status_page if provider is not None else None
    only = ", and no call but the endpoints below" if config.endpoints_only else ""
    details = (
        Item("Library/SDK", words.one_line(sdk) or UNKNOWN),
        Item("Authentication", words.authentication(target)),
        Item("Authentication Method", words.authentication_method(target)),
        Item("Secret", words.secret_source(config.auth)),
        Item("Base URL", f"{words.code(target.where)}, called as `/{integration.name}/`{only}"),
        Item("Status", _status(integration)),
    )
    return (*details, Item("Status Page", page.url)) if page is not None else details


def _errors(integration: Integration) -> tuple[Item, ...]:
    keys = [*_ALWAYS, *sorted(set(integration.target.on.table) - set(_ALWAYS))]
    return tuple(Item(words.error_name(key), words.error_handling(integration, key)) for key in keys)
