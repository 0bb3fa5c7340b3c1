"""Why: what happened to a call, and what happens now.

`outrider why ID` tells the attempts, waits and decisions of one call, `outrider tail` follows the calls as
they end, `outrider top` shows the last minute. All of it is asked of the admin listener.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
from aiohttp import web

from outrider.plugin import (
    APP,
    AttemptDone,
    Events,
    ExchangeDone,
    FailedOver,
    LimitWaited,
    Retrying,
    TargetFailed,
    hookimpl,
)

from .follow import stream
from .record import Record
from .top import describe

RECORD = Record()
"""Across reloads."""


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Remember what happens."""
    events.on(ExchangeDone, RECORD.done)
    events.on(AttemptDone, RECORD.attempted)
    events.on(Retrying, RECORD.retrying)
    events.on(FailedOver, RECORD.failed_over)
    events.on(LimitWaited, RECORD.waited)
    events.on(TargetFailed, RECORD.failed)


async def why(request: web.Request) -> web.Response:
    """Answer `/api/why/ID`."""
    entry = RECORD.find(request.match_info["id"])
    if entry is None:
        return web.json_response({"error": "no such call is remembered"}, status=404)
    return web.json_response(entry.as_json())


async def tail(request: web.Request) -> web.StreamResponse:
    """Answer `/api/tail?integration=NAME&status=5xx`, for as long as somebody reads."""
    return await stream(request, RECORD)


async def top(request: web.Request) -> web.Response:
    """Answer `/api/top`."""
    return web.json_response(describe(request.app[APP], RECORD))


@hookimpl
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give the record."""
    return [web.get("/api/why/{id}", why), web.get("/api/tail", tail), web.get("/api/top", top)]


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider why`, `tail` and `top`."""
    from . import commands

    for command in (commands.why, commands.tail, commands.top):
        cli.add_command(command)
