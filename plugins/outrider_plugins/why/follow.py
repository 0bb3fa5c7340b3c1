"""Follow the calls as they end: `/api/tail`, a line of JSON for each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiohttp import web

from outrider.plugin import APP

from .record import Entry, Record

#: Calls that a slow reader may be behind; more are left out, and it is told how many.
_BEHIND = 512
#: Seconds after which a silent stream looks whether the reader, and we, are still there.
_PULSE_S = 1.0


def wanted(integration: str, status: str) -> Callable[[Entry], bool]:
    """Give what says whether a call is followed; `status` is one, `503`, or a class, `5xx`; "" is all."""

    def chosen(entry: Entry) -> bool:
        if integration and entry.integration != integration:
            return False
        if not status:
            return True
        return str(entry.status) == status or f"{entry.status // 100}xx" == status

    return chosen


async def stream(request: web.Request, record: Record) -> web.StreamResponse:
    """Write each call that ends, until the reader leaves or we shut down."""
    chosen = wanted(request.query.get("integration", ""), request.query.get("status", ""))
    lines: asyncio.Queue[Entry] = asyncio.Queue(_BEHIND)
    left_out = 0

    def follow(entry: Entry) -> None:
        nonlocal left_out
        if not chosen(entry):
            return
        try:
            lines.put_nowait(entry)
        except asyncio.QueueFull:
            left_out += 1

    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    await response.write(b"\n")
    record.followers.append(follow)
    server = request.app[APP].server
    try:
        while not server.draining:
            try:
                entry = await asyncio.wait_for(lines.get(), _PULSE_S)
            except TimeoutError:
                await response.write(b"\n")  # a reader that has left is noticed
                continue
            await response.write(json.dumps(entry.as_json()).encode() + b"\n")
            if left_out and lines.empty():
                await response.write(json.dumps({"left_out": left_out}).encode() + b"\n")
                left_out = 0
    except ConnectionError:
        pass
    finally:
        record.followers.remove(follow)
    return response
