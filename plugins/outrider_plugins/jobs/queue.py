"""The queue: the store of the process that runs, a lane for each integration, and what is done at times."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from outrider.config import Jobs as Options
from outrider.plugin import App, BreakerClosed, Integration, Unavailable, spawn

from . import callback
from .database import StoreFailed
from .job import FINISHED, PARKED, QUEUED, SENDING, Outcome, as_json
from .lane import Lane
from .store import Store, by_state

if TYPE_CHECKING:
    from outrider.table import Table

    from .database import Row

LOG = logging.getLogger("outrider.jobs")

#: Seconds between two looks at what is old, and at callbacks that are due.
_CLEAN_EVERY_S = 10.0
_TELL_EVERY_S = 1.0
_AT_ONCE = 8


class Queue:
    """The jobs of this process. Closed until the lifespan of the program enters it."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._store: Store | None = None
        self._lanes: dict[str, Lane] = {}
        self._parked: set[str] = set()
        self._swept = False
        self._watchers: dict[str, list[asyncio.Future[None]]] = {}
        self._telling = asyncio.Event()
        self.on_settled: list[Callable[[str, Row, Outcome], None]] = []
        """Told of each delivery that is written down."""

    def __repr__(self) -> str:
        return f"<Queue of {len(self._lanes)} lanes>"

    # Life

    @asynccontextmanager
    async def running(self, app: App) -> AsyncIterator[None]:
        """Deliver what is there, until the program ends. StartError where the jobs cannot be read."""
        self._app = app
        self._store = Store(app.state.path)
        upkeep: list[asyncio.Task[Any]] = []
        try:
            if self._store.database.path.exists():
                try:
                    app.state.ensure()
                    await self._open(self._store, self._store.database.open)
                except Unavailable as unusable:
                    LOG.warning("%s", unusable.detail)
            upkeep = [spawn(self._clean(), name="jobs-clean"), spawn(self._tell(), name="jobs-callbacks")]
            yield
        finally:
            for task in upkeep:
                task.cancel()
            by = app.stop_by or monotonic()
            await asyncio.gather(*(lane.stop(by) for lane in self._lanes.values()))
            self._lanes.clear()
            self._swept = False
            await self._store.database.close()
            self._app = self._store = None

    async def ready(self) -> Store:
        """Give the store, opened. Unavailable where it cannot be."""
        if self._store is None or self._app is None:
            raise Unavailable("jobs are kept only while Outrider runs")
        if not self._store.database.is_open:
            self._app.state.ensure()
            await self._open(self._store, self._store.database.reopen)
        return self._store

    async def _open(self, store: Store, opening: Callable[[], Awaitable[None]]) -> None:
        # What is there before the first open is of a process that ended; later files may be of jobs to come.
        found = [] if self._swept else store.bodies.names()
        await opening()
        if not self._swept:
            self._swept = True
            await store.sweep(found)
            await self.refresh()

    async def existing(self) -> Store | None:
        """Give the store if there ever was a job: to look, without making one. Unavailable as for `ready`."""
        if self._store is None or not self._store.database.path.exists():
            return None
        return await self.ready()

    async def refresh(self) -> None:
        """Give each integration that has jobs its lane; say of which the jobs are parked."""
        store = self._store
        if store is None or not store.database.is_open:
            return
        counts = by_state(await store.counts())
        for name, states in counts.items():
            if not (waiting := states.get(QUEUED, 0)):
                continue
            if self.integration(name) is not None:
                self._parked.discard(name)
                self.arrived(name)
            elif name not in self._parked:
                self._parked.add(name)
                LOG.warning(
                    "%d jobs of integration '%s' are parked, since it is not configured; configure it again, "
                    "or cancel them: outrider jobs cancel --integration %s",
                    waiting,
                    name,
                    name,
                )

    # What others ask

    @property
    def app(self) -> App:
        """The program that runs."""
        assert self._app is not None
        return self._app

    @property
    def table(self) -> Table:
        """The configuration in force."""
        return self.app.table

    @property
    def lanes(self) -> dict[str, Lane]:
        """The lanes, by integration."""
        return self._lanes

    def integration(self, name: str) -> Integration | None:
        """Give an integration that is routed, and whose jobs are sent; none once the program ends."""
        if self._app is None or self._app.server.draining:
            return None
        return self._app.table.integrations.get(name)

    def options(self, name: str) -> Options:
        """Give the `jobs` table of an integration, the defaults where there is none."""
        section = self.table.config.integrations.get(name)
        return (section.jobs if section is not None else None) or Options()

    def state_of(self, row: Row) -> str:
        """Give the state of a job, with what only the running process knows."""
        if row["state"] != QUEUED:
            return str(row["state"])
        lane = self._lanes.get(row["integration"])
        if lane is not None and row["seq"] in lane.in_flight:
            return SENDING
        return QUEUED if row["integration"] in self.table.integrations else PARKED

    async def tell(self, store: Store, row: Row) -> dict[str, Any]:
        """Tell all of a job, as JSON has it."""
        history, response = await store.history(row["seq"]), await store.response(row["seq"])
        return as_json(row, self.state_of(row), history, response)

    async def finished(self, store: Store, id: str, within_s: float) -> Row | None:
        """Give a job once it has ended, or as it is after so many seconds. None: there is no such job."""
        until = monotonic() + within_s
        while True:
            row = await store.find(id)
            left_s = until - monotonic()
            if row is None or row["state"] in FINISHED or left_s <= 0 or self.app.server.draining:
                return row
            changed = asyncio.get_running_loop().create_future()
            self._watchers.setdefault(id, []).append(changed)
            try:
                # Looked at each second too: a cancelled or expired job tells nobody.
                await asyncio.wait_for(changed, min(left_s, 1.0))
            except TimeoutError:
                continue
            finally:
                if changed in (watchers := self._watchers.get(id, [])):
                    watchers.remove(changed)
                    if not watchers:
                        del self._watchers[id]

    # What changes

    def arrived(self, integration: str) -> None:
        """Look after a job that was just accepted."""
        lane = self._lanes.get(integration)
        if lane is None:
            self._lanes[integration] = Lane(integration, self)
        else:
            lane.wake()

    def settled(self, integration: str, row: Row, outcome: Outcome) -> None:
        """Hear of a delivery that is written down."""
        for listener in self.on_settled:
            listener(integration, row, outcome)
        if outcome.state == QUEUED:
            return
        self._notify(row["id"])
        if row["callback"] is not None:
            self._telling.set()

    async def cancel(self, store: Store, row: Row) -> bool:
        """End a job that has not ended; whether it had not. One under way is broken off."""
        lane, seq = self._lanes.get(row["integration"]), row["seq"]
        async with nullcontext(False) if lane is None else lane.barred(seq) as broken:
            reason = "cancelled while it was sent: it may have taken effect" if broken else "cancelled"
            cancelled = await store.cancel(seq, time(), reason)
        if cancelled:
            self._notify(row["id"])
            self._telling.set()
        return cancelled

    async def retry(self, store: Store, seqs: list[int]) -> int:
        """Queue jobs anew that failed or were cancelled; how many."""
        keep_s = {name: self.options(name).keep for name in self.table.config.integrations}
        changed = await store.retry(seqs, time(), keep_s)
        await self.refresh()
        return changed

    def breaker_closed(self, event: BreakerClosed) -> None:
        """Send on at once when a target answers again."""
        if (lane := self._lanes.get(event.target.name)) is not None:
            lane.resume()

    def _notify(self, id: str) -> None:
        for changed in self._watchers.pop(id, ()):
            if not changed.done():
                changed.set_result(None)

    # What is done at times

    async def _clean(self) -> None:
        """Forget what ended well longer than `retain` ago."""
        while True:
            await asyncio.sleep(_CLEAN_EVERY_S)
            store = self._store
            if store is None or not store.database.is_open:
                continue
            try:
                for integration in by_state(await store.counts()):
                    then = time() - self.options(integration).retain
                    while old := await store.finished_before(integration, then):
                        await store.purge(old)
            except (Unavailable, OSError) as error:
                LOG.warning("finished jobs are not cleaned up: %s", error)

    async def _tell(self) -> None:
        """Call back, a few at a time, who wanted to be told."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._telling.wait(), _TELL_EVERY_S)
            self._telling.clear()
            store = self._store
            if store is None or not store.database.is_open or self.app.server.draining:
                continue
            try:
                while rows := await store.callbacks_due(time(), _AT_ONCE):
                    await asyncio.gather(*(self._call_back(store, row) for row in rows))
            except StoreFailed:
                continue

    async def _call_back(self, store: Store, row: Row) -> None:
        name, now = row["integration"], time()
        options, integration = self.options(name), self.table.integrations.get(name)
        if integration is None or options.callback_secret is None:
            failure, due = "jobs.callbacks is not configured any more", None
        elif not callback.allowed(row["callback"], options.callbacks):
            failure, due = "the URL is not among jobs.callbacks any more", None
        else:
            secret = integration.target.secret(options.callback_secret)
            failure = await callback.call(row["callback"], secret, await self.tell(store, row))
            attempts = row["callback_attempts"] + 1
            due = callback.next_try(options, attempts, row["finished"], now) if failure else None
        if failure and due is None:
            LOG.warning("job %s: its callback was given up: %s", row["id"], failure)
        await store.called_back(row["seq"], due, failure or "done")


QUEUE = Queue()
"""Across reloads."""
