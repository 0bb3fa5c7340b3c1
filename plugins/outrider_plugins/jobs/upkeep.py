"""Upkeep: what is done at times. Old jobs are forgotten, and apps are told of jobs that have ended."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING

from outrider.plugin import Unavailable

from . import callback
from .store import Store, by_state

if TYPE_CHECKING:
    from .database import Row
    from .queue import Queue

LOG = logging.getLogger("outrider.jobs")

#: Seconds between two looks at what is old, and at callbacks that are due.
_CLEAN_EVERY_S = 5.0
_TELL_EVERY_S = 1.0
#: Callbacks at once, in all and to one host; and how many that are due are looked at for others.
_AT_ONCE = 32
_AT_ONE_HOST = 8
_LOOKED_AT = 200


async def clean(queue: Queue) -> None:
    """Forget what ended well longer than `retain` ago, again and again."""
    while True:
        await asyncio.sleep(_CLEAN_EVERY_S)
        store = queue.open_store
        if store is None:
            continue
        try:
            for integration in by_state(await store.counts()):
                then = time() - queue.options(integration).retain
                while old := await store.finished_before(integration, then):
                    await store.purge(old)
        except (Unavailable, OSError) as error:
            LOG.warning("finished jobs are not cleaned up: %s", error)


async def tell(queue: Queue) -> None:
    """Call back who wants to be told, again and again. An app that takes its time holds up no other."""
    under_way: dict[int, str] = {}  # by the number of the job, the host that is told

    async def tell_one(store: Store, row: Row) -> None:
        try:
            await _call_back(queue, store, row)
            queue.to_tell.set()
        except Unavailable:
            pass  # the store has said so in the log
        except Exception:
            LOG.exception("job %s: its callback raised", row["id"])
        finally:
            del under_way[row["seq"]]

    async with asyncio.TaskGroup() as group:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(queue.to_tell.wait(), _TELL_EVERY_S)
            queue.to_tell.clear()
            store = queue.open_store
            if store is None or queue.app.server.draining:
                continue
            with suppress(Unavailable):
                for row in await store.callbacks_due(time(), _LOOKED_AT, under_way):
                    host = row["callback"].split("/")[2].lower()
                    hosts = list(under_way.values())
                    if len(hosts) < _AT_ONCE and hosts.count(host) < _AT_ONE_HOST:
                        under_way[row["seq"]] = host
                        group.create_task(tell_one(store, row))


async def _call_back(queue: Queue, store: Store, row: Row) -> None:
    name, now, due = row["integration"], time(), None
    options, integration = queue.options(name), queue.table.integrations.get(name)
    if integration is None or options.callback_secret is None:
        failure = "jobs.callbacks is not configured any more"
    elif not callback.allowed(row["callback"], options.callbacks):
        failure = "the URL is not among jobs.callbacks any more"
    else:
        secret = integration.target.secret(options.callback_secret)
        failure = await callback.call(row["callback"], secret, await queue.tell(store, row))
        attempts = row["callback_attempts"] + 1
        due = callback.next_try(options, attempts, row["finished"], now) if failure else None
    if failure and due is None:
        LOG.warning("job %s: its callback was given up: %s", row["id"], failure)
    await store.called_back(row["seq"], due, failure or "done")
