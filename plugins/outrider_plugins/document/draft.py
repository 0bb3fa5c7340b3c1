"""Write a first `config.toml` from a document: every integration a draft, which wakes up with its secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tomlkit

from outrider.config.call import Call

from . import guess
from .model import UNKNOWN, Document, Section

if TYPE_CHECKING:
    from tomlkit.items import Table

    from outrider.plugin import Provider

_HEAD = """\
# A first configuration, read from {source}. Look through it; `outrider check` says what is missing.
# Each integration is a draft: it is routed once its secret is set.
"""


def draft(document: Document, providers: Mapping[str, type[Provider]], source: str) -> tuple[str, list[str]]:
    """Give the text of the file, and what in it is a guess: `acme: its base URL is not in the document`."""
    file = tomlkit.document()
    for line in _HEAD.format(source=source).splitlines():
        file.add(tomlkit.comment(line.removeprefix("# ")))
    head = {
        "status": document.status if document.status in ("Draft", "Active", "Deprecated") else "Draft",
        "target_state": document.target_state or "As-To-Be",
        "overview": document.overview,
    }
    file["document"] = {key: value for key, value in head.items() if value}
    notes: list[str] = []
    integrations = tomlkit.table(is_super_table=True)
    names = _names(document)
    for section in document.sections:
        name = names[section.name]
        made, unsure = _integration(section, name, providers, set(names.values()))
        notes += [f"{name}: {note}" for note in unsure]
        integrations[name] = _table(made, unsure)
    file["integrations"] = integrations
    return tomlkit.dumps(file), notes


def _names(document: Document) -> dict[str, str]:
    """Name each integration: `## Stripe (EU)` is `stripe-eu`."""
    names: dict[str, str] = {}
    for section in document.sections:
        name = re.sub(r"[^a-z0-9_]+", "-", section.name.lower()).strip("-_") or "integration"
        number, unique = 2, name
        while unique in names.values():
            unique, number = f"{name}-{number}", number + 1
        names[section.name] = unique
    return names


def _table(made: Mapping[str, Any], unsure: list[str]) -> Table:
    """Put the plain keys first, then the tables, and above all what is unsure."""
    table = tomlkit.table()
    for note in unsure:
        table.add(tomlkit.comment(note))
    for key, value in made.items():
        if not isinstance(value, dict | list):
            table[key] = value
    for key, value in made.items():
        if isinstance(value, dict):
            inner = tomlkit.table()
            for name, each in value.items():
                inner[name] = _inline(each)
            table[key] = inner
        elif isinstance(value, list):
            several = tomlkit.aot()
            for each in value:
                several.append(tomlkit.item(each))
            table[key] = several
    return table


def _inline(value: Any) -> Any:
    if isinstance(value, dict):
        made = tomlkit.inline_table()
        made.update({name: _inline(each) for name, each in value.items()})
        return made
    return value


def _integration(
    section: Section, name: str, providers: Mapping[str, type[Provider]], names: set[str]
) -> tuple[dict[str, Any], list[str]]:
    unsure: list[str] = []
    provider = _provider(section.get("Provider"), name, providers)
    made: dict[str, Any] = {"provider": provider.name} if provider is not None else {}
    base = re.search(r"https?://[^\s`,]+", section.get("Base URL"))
    if base is not None and (provider is None or base[0] != provider.base_url):
        made["base_url"] = base[0]
    elif provider is None or (provider.base_url is None and base is None):
        made["base_url"] = f"https://{name.replace('_', '-')}.invalid"
        unsure.append("its base URL is not in the document; write where the API is")
    made["status"] = "deprecated" if "deprecated" in section.get("Status").lower() else "draft"
    for key, label in (("purpose", "Purpose"), ("documentation", "Documentation"), ("sdk", "Library/SDK")):
        said = section.get(label)
        if said and (provider is None or said != str(getattr(provider, key, ""))):
            made[key] = said
    if "no call but the endpoints" in section.get("Base URL"):
        made["endpoints_only"] = True
    published, ours = section.get("Provider Limits"), section.get("Our Strategy")
    if (
        provider is not None
        and (plan := re.match(r"Plan `([^`]+)`", published))
        and plan[1] in provider.plans
    ):
        made["plan"] = plan[1]
    made["auth"] = guess.auth(section, name)
    if "command" in section.get("Secret") or not section.get("Secret"):
        unsure.append("where its secret comes from is not in the document")
    if made["auth"]["type"] in ("oauth2", "sigv4"):
        unsure.append(f"auth type {made['auth']['type']} needs more than the document says")
    strategy = section.get("Strategy")
    unavailable = section.get("If Service is Unavailable")
    fallback = guess.fallback(unavailable, names - {name})
    if not fallback and guess.names_fallback(unavailable):
        unsure.append(f"what stands in for it is not in the document: {unavailable!r}")
    for key, table in (
        ("timeout", guess.timeout(section.get("Timeouts"))),
        ("retry", guess.retry(strategy)),
        ("breaker", guess.breaker(strategy)),
        ("on", guess.on(section, targets="targets" in fallback, message="message" in fallback)),
        ("fallback", fallback),
        ("jobs", guess.jobs(section)),
    ):
        if table or (key == "breaker" and table is not None):
            made[key] = table
    if "(the plan's own)" not in ours:
        limits = guess.limits(ours)
        if not limits and ours and not ours.startswith("No limit of our own"):
            # "A leaky bucket" of a person has the numbers that the provider publishes.
            limits = guess.limits(published)
            unsure += ["its limits are what the provider publishes"] if limits else []
        if limits:
            made["limits"] = limits
    if endpoints := _endpoints(section, unsure):
        made["endpoints"] = endpoints
    elif made.pop("endpoints_only", False):
        unsure.append("it lists no endpoints, so every call is carried")
    return made, unsure


def _provider(title: str, name: str, providers: Mapping[str, type[Provider]]) -> type[Provider] | None:
    """Find the provider that is meant, by its title or its name."""
    for provider in providers.values():
        if title.lower() in (provider.name.lower(), provider.title.lower()):
            return provider
    return providers.get(name) if not title else None


def _endpoints(section: Section, unsure: list[str]) -> list[dict[str, str]]:
    found = []
    for endpoint in section.endpoints:
        try:
            call = Call.parse(endpoint.label)
        except ValueError as error:
            unsure.append(f"endpoint {endpoint.label!r} is left out: {error}")
            continue
        made = {"call": str(call)}
        if endpoint.text and endpoint.text != UNKNOWN:
            made["purpose"] = endpoint.text
        found.append(made)
    return found
