"""The jobs on the admin listener: `/api/jobs`, for the console and for `outrider jobs`.

What changes something works on some hundred jobs at a time and says how many are left: a million of them
hold nothing up, and whoever asks can show how far it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .job import CANCELLED, DONE, FAILED, PARKED, QUEUED, SENDING, STATES, summary
from .queue import QUEUE
from .store import Store, by_state

_BATCH = 500
_MOST = 1000


async def counted(store: Store) -> dict[str, dict[str, int]]:
    """Count the jobs by integration and state, with what only the running process knows."""
    return overlaid(by_state(await store.counts()))


def overlaid(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Tell apart of the queued jobs which are being sent, and which are parked."""
    told: dict[str, dict[str, int]] = {}
    for name, written in counts.items():
        states = told[name] = dict(written)
        queued = states.pop(QUEUED, 0)
        lane = QUEUE.lanes.get(name)
        sending = min(queued, len(lane.in_flight)) if lane is not None else 0
        waiting = QUEUED if name in QUEUE.table.integrations else PARKED
        for state, n in ((SENDING, sending), (waiting, queued - sending)):
            if n:
                states[state] = n
    return told


async def listed(request: web.Request) -> web.Response:
    """Answer `GET /api/jobs?integration=NAME&state=failed&limit=100&before=SEQ`, the newest first."""
    store = await QUEUE.existing()
    if store is None:
        return web.json_response({"jobs": [], "counts": {}, "paused": {}})
    integration, state = _filters(request)
    limit = min(_number(request, "limit", 100), _MOST)
    before = _number(request, "before", 2**62)
    found = []
    for row in await store.newest(await _wanted(store, integration, state), limit, before):
        is_now = QUEUE.state_of(row)
        if not state or state == is_now:
            found.append({"seq": row["seq"], **summary(row, is_now)})
    return web.json_response(
        {
            "jobs": found,
            "counts": await counted(store),
            "paused": {name: lane.paused for name, lane in QUEUE.lanes.items() if lane.paused},
        }
    )


async def shown(request: web.Request) -> web.Response:
    """Answer `GET /api/jobs/ID`."""
    store, row = await _find(request)
    return web.json_response(await QUEUE.tell(store, row))


async def changed(request: web.Request) -> web.Response:
    """Answer `POST /api/jobs/ID/retry`, `/cancel` and `/purge`."""
    store, row = await _find(request)
    n = await _change(store, request.match_info["what"], [row])
    row = await store.find(row["id"])
    state = QUEUE.state_of(row) if row is not None else "purged"
    return web.json_response({"changed": n, "state": state})


async def changed_many(request: web.Request) -> web.Response:
    """Answer `POST /api/jobs/retry?integration=NAME&state=failed`, `/cancel` and `/purge`: some of them."""
    what = request.match_info["what"]
    store = await QUEUE.existing()
    if store is None:
        return web.json_response({"changed": 0, "left": 0})
    integration, state = _filters(request)
    states = [state] if state else _USUAL[what]
    wanted = [each for one in states for each in await _wanted(store, integration, one)]
    n = await _change(store, what, await store.newest(wanted, _BATCH))
    counts = await counted(store)
    left = sum(
        states_now.get(one, 0)
        for name, states_now in counts.items()
        if integration in ("", name)
        for one in states
    )
    return web.json_response({"changed": n, "left": left})


_USUAL = {"retry": [FAILED], "cancel": [QUEUED, PARKED], "purge": [FAILED, DONE, CANCELLED]}
"""What a change is about where no state is named."""


async def _change(store: Store, what: str, rows: list[Any]) -> int:
    if what == "cancel":
        return sum(await asyncio.gather(*(QUEUE.cancel(store, row) for row in rows)))
    seqs = [row["seq"] for row in rows]
    return await QUEUE.retry(store, seqs) if what == "retry" else await store.purge(seqs)


async def _find(request: web.Request) -> tuple[Store, Any]:
    store = await QUEUE.existing()
    row = await store.find(request.match_info["id"]) if store is not None else None
    if store is None or row is None:
        raise web.HTTPNotFound
    return store, row


async def _wanted(store: Store, integration: str, state: str) -> list[tuple[str, str]]:
    """Give the integrations and written states that a filter is about."""
    found = []
    for name, written in await store.counts():
        routed = name in QUEUE.table.integrations
        if integration not in ("", name) or (state == PARKED and routed):
            continue
        if not state or written == (QUEUED if state in (SENDING, PARKED) else state):
            found.append((name, written))
    return found


def _filters(request: web.Request) -> tuple[str, str]:
    state = request.query.get("state", "")
    if state and state not in STATES:
        raise web.HTTPBadRequest
    return request.query.get("integration", ""), state


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else default


ROUTES = (
    web.get("/api/jobs", listed),
    web.get("/api/jobs/{id}", shown),
    web.post("/api/jobs/{what:retry|cancel|purge}", changed_many),
    web.post("/api/jobs/{id}/{what:retry|cancel|purge}", changed),
)
