"""The queue: the store of the process that runs, and a lane for each integration."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from outrider.config import Jobs as Options
from outrider.plugin import (
    App,
    BreakerClosed,
    Integration,
    JobAccepted,
    JobDelivered,
    JobsGivenUp,
    Unavailable,
    spawn,
)

from .job import FINISHED, PARKED, QUEUED, SENDING, Outcome, as_json
from .lane import Lane
from .store import Store, by_state
from .upkeep import clean, tell

if TYPE_CHECKING:
    from outrider.table import Table

    from .database import Row

LOG = logging.getLogger("outrider.jobs")


class Queue:
    """The jobs of this process. Closed until the lifespan of the program enters it."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._store: Store | None = None
        self._lanes: dict[str, Lane] = {}
        self._parked: set[str] = set()
        self._swept = False
        self._sweeping: asyncio.Task[None] | None = None
        self._watchers: dict[str, list[asyncio.Future[None]]] = {}
        self.to_tell = asyncio.Event()
        """Set when a job has ended of which an app may want to be told."""

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
            upkeep = [spawn(clean(self), name="jobs-clean"), spawn(tell(self), name="jobs-callbacks")]
            yield
        finally:
            for task in (*upkeep, self._sweeping):
                if task is not None:
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
            self._sweeping = spawn(store.sweep(found), name="jobs-sweep")
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
    def open_store(self) -> Store | None:
        """The store, where it is open."""
        return self._store if self._store is not None and self._store.database.is_open else None

    @property
    def path(self) -> Path | None:
        """Where the database is, while the program runs."""
        return self._store.database.path if self._store is not None else None

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

    def accepted(self, integration: str, id: str) -> None:
        """Hear of a job that is on disk."""
        self.table.events.emit(JobAccepted(integration, id))
        self.arrived(integration)

    def arrived(self, integration: str) -> None:
        """Look after the jobs of an integration."""
        lane = self._lanes.get(integration)
        if lane is None:
            self._lanes[integration] = Lane(integration, self)
        else:
            lane.wake()

    def settled(self, integration: str, row: Row, outcome: Outcome) -> None:
        """Hear of a delivery that is written down."""
        self.table.events.emit(
            JobDelivered(
                integration,
                row["id"],
                outcome.exchange_id,
                outcome.state,
                outcome.status,
                outcome.reason,
                outcome.at - row["created"],
            )
        )
        if outcome.state == QUEUED:
            return
        self._notify(row["id"])
        if row["callback"] is not None:
            self.to_tell.set()

    def gave_up(self, integration: str, count: int) -> None:
        """Hear of jobs whose time was over."""
        self.table.events.emit(JobsGivenUp(integration, count))
        self.to_tell.set()

    async def cancel(self, store: Store, row: Row) -> bool:
        """End a job that has not ended; whether it had not. One under way is broken off."""
        lane, seq = self._lanes.get(row["integration"]), row["seq"]
        async with nullcontext(False) if lane is None else lane.barred(seq) as broken:
            reason = "cancelled while it was sent: it may have taken effect" if broken else "cancelled"
            cancelled = await store.cancel(seq, time(), reason)
        if cancelled:
            self._notify(row["id"])
            self.to_tell.set()
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


QUEUE = Queue()
"""Across reloads."""
