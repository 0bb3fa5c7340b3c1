"""Drift: how what is called differs from what the document says.

Every call that reached a target is counted by its template. `/api/drift` and `/drift` of the admin
listener, and `outrider drift`, compare the counts with the configuration: endpoints that nobody listed,
listed ones that are never called, errors that the table does not name, limits that the provider tells
and nobody configured, and deprecated integrations that are still in use.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from html import escape
from pathlib import Path
from time import monotonic
from typing import Any

import click
from aiohttp import web

from outrider.commands import Running, config_option
from outrider.plugin import APP, App, Events, ExchangeDone, Integration, hookimpl
from outrider.registry import Registry
from outrider.rewrite import rewrite
from outrider.wording import seconds
from outrider_plugins import limits

from .compare import Finding, compare, is_call
from .seen import Seen

SEEN: defaultdict[str, Seen] = defaultdict(Seen)
"""By integration, across reloads."""


def done(event: ExchangeDone) -> None:
    """Count a call that reached a target; what was refused before is nobody's endpoint."""
    exchange = event.exchange
    if exchange.attempts:
        SEEN[exchange.integration.name].add(exchange.method, exchange.path, event.status)


def findings(app: App) -> list[Finding]:
    """Compare everything that is routed with what was seen."""
    found: list[Finding] = []
    for integration in app.table.integrations.values():
        learned = limits.describe(integration.target)["learned"]
        assert isinstance(learned, list)
        found += compare(integration, SEEN[integration.name], learned)
    return found


async def as_json(request: web.Request) -> web.Response:
    """Answer `/api/drift`."""
    app = request.app[APP]
    found = [{**asdict(one), "addable": is_call(one)} for one in findings(app)]
    return web.json_response({"since_s": round(monotonic() - app.started, 1), "findings": found})


def about(time_s: float) -> str:
    """Say a time in its largest unit: `3 days`, not `269123 s`."""
    for size_s in (86400, 3600, 60):
        if time_s >= 2 * size_s:
            return seconds(round(time_s / size_s) * size_s)
    return seconds(max(1, round(time_s)))


async def page(request: web.Request) -> web.Response:
    """Answer `/drift`, for a person."""
    app = request.app[APP]
    rows = "".join(
        f"<tr><td class='name'>{escape(one.integration)}</td><td>{escape(one.kind)}</td>"
        f"<td>{escape(one.text)}</td></tr>"
        for one in findings(app)
    )
    since = about(monotonic() - app.started)
    table = f"<table><tbody>{rows}</tbody></table>" if rows else "<p>None: what is called is listed.</p>"
    body = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Drift</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='stylesheet' href='console.css'><link rel='icon' href='data:,'></head>"
        f"<body><header><h1>Drift</h1><p id='about'>of the calls of {escape(since)}</p></header>"
        f"<main>{table}</main>"
        "<footer><a href='./'>Console</a> <a href='api/drift'>/api/drift</a></footer></body></html>"
    )
    return web.Response(text=body, content_type="text/html")


@hookimpl
def outrider_integration_layers(integration: Integration) -> None:
    """Know what is listed. It needs no layer."""
    SEEN[integration.name].knows(integration.config.endpoints)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Count what is called."""
    events.on(ExchangeDone, done)


@hookimpl
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give the comparison, for programs and for people."""
    return [web.get("/api/drift", as_json), web.get("/drift", page)]


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider drift`."""
    cli.add_command(drift)


@click.command()
@config_option
@click.option("--write", is_flag=True, help="Add the endpoints that are not listed to the file.")
@click.pass_obj
def drift(registry: Registry, path: Path, write: bool) -> None:
    """Say how what the running Outrider carries differs from the file; exit code 1 if it does."""
    with Running.of(registry, path).get("/api/drift") as response:
        told: dict[str, Any] = json.load(response)
    found = told["findings"]
    for one in found:
        click.echo(f"{one['integration']}: {one['text']}")
    if write:
        _write(path, found)
    elif not found:
        click.echo(f"no drift in the calls of {about(told['since_s'])}")
    sys.exit(1 if found and not write else 0)


def _write(path: Path, found: Iterable[dict[str, Any]]) -> None:
    # tomlkit is for this alone; no other command waits for its import.
    from .write import with_endpoints

    missing: defaultdict[str, list[str]] = defaultdict(list)
    for one in found:
        if one["addable"]:
            missing[one["integration"]].append(one["what"])
    if not missing:
        click.echo("nothing to add")
        return
    rewrite(path, with_endpoints(path.read_text("utf-8"), missing))
    many = sum(map(len, missing.values()))
    click.echo(
        f"{path}: {many} endpoint{'' if many == 1 else 's'} added; say what each is for in its purpose"
    )
