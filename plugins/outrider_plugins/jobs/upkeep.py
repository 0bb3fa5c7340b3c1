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

#: Seconds between two looks at what is old, and at callbacks that are due; callbacks at once.
_CLEAN_EVERY_S = 5.0
_TELL_EVERY_S = 1.0
_AT_ONCE = 8


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
    """Call back who wants to be told, again and again, a few at a time."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(queue.to_tell.wait(), _TELL_EVERY_S)
        queue.to_tell.clear()
        store = queue.open_store
        if store is None or queue.app.server.draining:
            continue
        with suppress(Unavailable):  # the store has said so in the log
            while rows := await store.callbacks_due(time(), _AT_ONCE):
                await asyncio.gather(*(_call_back(queue, store, row) for row in rows))


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
