"""Read every table of the file into one Config, each by itself: one bad table hides no other's problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .alerts import Alerts
from .auth import read_auth
from .integration import INTEGRATION_KEYS, Config, IntegrationConfig
from .lines import KeyPath
from .options import Options
from .problems import Report, did_you_mean, unknown_key
from .read import is_table, read_table
from .server import Client, Document, Server
from .traces import Traces
from .values import parse_client_name, parse_name
from .vocabulary import Vocabulary

_TABLES = ("server", "document", "alerts", "traces", "clients", "integrations")


def read_tables(raw: Mapping[str, Any], folder: Path, vocabulary: Vocabulary, report: Report) -> Config:
    """Give what could be read; what has a problem is left out of it, and in the report."""
    for key in raw:
        if key not in _TABLES:
            report.problem((key,), unknown_key(key, _TABLES))
    server = read_table(Server, raw.get("server", {}), ("server",), report)
    document = read_table(Document, raw.get("document", {}), ("document",), report)
    alerts = read_table(Alerts, raw.get("alerts", {}), ("alerts",), report)
    traces = read_table(Traces, raw.get("traces", {}), ("traces",), report)
    clients: dict[str, Client] = {}
    for name, path in _named(raw, "clients", parse_client_name, report):
        client = read_table(Client, raw["clients"][name], path, report, stand_ins={"token": "env:UNKNOWN"})
        if client is not None:
            clients[name] = client
    integrations: dict[str, IntegrationConfig] = {}
    for name, path in _named(raw, "integrations", parse_name, report):
        integration = _read_integration(name, raw["integrations"][name], path, vocabulary, report)
        if integration is not None:
            integrations[name] = integration
    return Config(
        server or Server(),
        document or Document(),
        clients,
        integrations,
        folder,
        alerts or Alerts(),
        traces or Traces(),
    )


def _named(
    raw: Mapping[str, Any], table: str, parse: Callable[[object], str], report: Report
) -> list[tuple[str, KeyPath]]:
    """Give the name and path of each `[table.NAME]`."""
    names = raw.get(table, {})
    if isinstance(names, list) or not isinstance(names, dict):
        report.problem((table,), f"must be a table of tables; write [{table}.NAME]")
        return []
    for name in names:
        try:
            parse(name)
        except ValueError as error:
            report.problem((table, name), str(error))
    return [(name, (table, name)) for name in names]


def _read_integration(
    name: str, raw: object, path: KeyPath, vocabulary: Vocabulary, report: Report
) -> IntegrationConfig | None:
    if not is_table(raw, path, report):
        return None
    known = {*INTEGRATION_KEYS, *vocabulary.tables}
    for key in raw:
        if key not in known:
            report.problem((*path, key), unknown_key(key, known))
    made: dict[str, Any] = {"name": name}
    named = raw.get("provider")
    provider = vocabulary.providers.get(named) if isinstance(named, str) else None
    usual = provider.auth if provider is not None else {}
    if "auth" in raw and (auth := read_auth(raw["auth"], (*path, "auth"), vocabulary, report, usual)):
        made |= {"auth": auth.options, "auth_type": auth.type}
    tables: dict[str, Options] = {}
    for key in raw.keys() & vocabulary.tables.keys():
        table = read_table(vocabulary.tables[key], raw[key], (*path, key), report)
        if table is not None:
            tables[key] = table
    own = {key: value for key, value in raw.items() if key in INTEGRATION_KEYS and key != "auth"}
    plan = own.get("plan")
    if provider is not None and provider.plans and isinstance(plan, str):
        if plan not in provider.plans:
            near = did_you_mean(plan, provider.plans) or ";"
            text = f"provider {named!r} has no such plan{near} known are {', '.join(provider.plans)}"
            report.problem((*path, "plan"), text)
        elif "limits" not in own:
            made |= {"limits": provider.plans[plan].kept() or None, "limits_of_plan": True}
    return read_table(IntegrationConfig, own, path, report, made={**made, "tables": tables})
