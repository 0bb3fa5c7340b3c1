"""The store: what is asked of the database, and what is written to it. Each query has its index.

No job that waits is an object in memory: the worker asks for what is due, a few at a time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from . import writes
from .bodies import Bodies
from .database import Database, Row
from .job import CANCELLED, DONE, Draft, Outcome
from .writes import BATCH, Added

_DUE = " UNION ALL ".join(
    f"""SELECT * FROM (SELECT seq FROM jobs WHERE integration = :integration AND state = 'queued'
        AND behind = 0 AND priority = {priority} AND due <= :now
        AND seq NOT IN (SELECT value FROM json_each(:but))
        ORDER BY due, seq LIMIT :limit)"""  # noqa: S608 - a number of ours
    for priority in range(3)
)
_NEXT_DUE = " UNION ALL ".join(
    f"""SELECT min(due) AS due FROM jobs WHERE integration = :integration AND state = 'queued'
        AND behind = 0 AND priority = {priority} AND due > :now"""  # noqa: S608 - a number of ours
    for priority in range(3)
)


class Store:
    """The jobs of one state directory."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "jobs.db")
        self.bodies = Bodies(folder / "bodies")

    def __repr__(self) -> str:
        return f"<Store {self.database.path}>"

    # What is written

    async def add(self, draft: Draft) -> Added:
        """Keep a job: when this returns, it is on disk, synced."""
        added: Added = await self.database.write(writes.add, draft)
        if added.id != draft.id and draft.body is None:
            self.bodies.remove(draft.id)
        return added

    async def settle(self, outcome: Outcome) -> None:
        """Write down what came of a delivery."""
        await self.database.write(writes.settle, outcome)

    async def cancel(self, seq: int, now: float, reason: str) -> bool:
        """End a queued job; whether it was one."""
        return bool(await self.database.write(writes.cancel, (seq, now, reason)))

    async def expire(self, integration: str, now: float, but: Collection[int]) -> int:
        """Give up the jobs whose time is over, some at a time; how many."""
        return int(await self.database.write(writes.expire, (integration, now, json.dumps(list(but)))))

    async def retry(self, seqs: Sequence[int], now: float, keep_s: dict[str, float]) -> int:
        """Queue failed and cancelled jobs anew, for a whole `keep`; how many."""
        return int(await self.database.write(writes.retry, (list(seqs), now, keep_s)))

    async def purge(self, seqs: Sequence[int]) -> int:
        """Forget finished jobs for good; how many."""
        ids: list[str] = await self.database.write(writes.purge, list(seqs))
        for id in ids:
            self.bodies.remove(id)
        return len(ids)

    async def called_back(self, seq: int, due: float | None, reason: str) -> None:
        """Write down that an app was told of a job, or when to try again."""
        await self.database.write(writes.called_back, (due, reason, seq))

    # What is read

    async def due(self, integration: str, now: float, limit: int, but: Collection[int]) -> list[int]:
        """Give the next jobs to be sent, those of the highest priority first."""
        rows = await self.database.read(
            _DUE, {"integration": integration, "now": now, "limit": limit, "but": json.dumps(list(but))}
        )
        return [row["seq"] for row in rows[:limit]]

    async def next_due(self, integration: str, now: float) -> float | None:
        """Give when a job of the integration becomes due that is not yet."""
        rows = await self.database.read(_NEXT_DUE, {"integration": integration, "now": now})
        return min((row["due"] for row in rows if row["due"] is not None), default=None)

    async def overdue(self, integration: str, now: float, but: Collection[int]) -> bool:
        """Whether the time of a queued job is over."""
        rows = await self.database.read(
            "SELECT 1 FROM jobs WHERE integration = ? AND state = 'queued' AND until <= ? "
            "AND seq NOT IN (SELECT value FROM json_each(?)) LIMIT 1",
            (integration, now, json.dumps(list(but))),
        )
        return bool(rows)

    async def load(self, seq: int) -> Row | None:
        """Give a queued job with its request; None where it is not queued any more."""
        rows = await self.database.read(
            "SELECT jobs.*, base, fields, body, size FROM jobs JOIN requests USING (seq) "
            "WHERE seq = ? AND state = 'queued'",
            (seq,),
        )
        return rows[0] if rows else None

    async def find(self, id: str) -> Row | None:
        """Give a job by its id."""
        rows = await self.database.read("SELECT * FROM jobs WHERE id = ?", (id,))
        return rows[0] if rows else None

    async def history(self, seq: int) -> list[Row]:
        """Give the attempts of a job, the first one first."""
        return await self.database.read(
            "SELECT at, status, reason FROM attempts WHERE seq = ? ORDER BY n", (seq,)
        )

    async def response(self, seq: int) -> Row | None:
        """Give the response of a job."""
        rows = await self.database.read("SELECT * FROM responses WHERE seq = ?", (seq,))
        return rows[0] if rows else None

    async def counts(self) -> dict[tuple[str, str], int]:
        """Count the jobs by integration and state, as they are written."""
        rows = await self.database.read("SELECT integration, state, n FROM counts WHERE n > 0")
        return {(row["integration"], row["state"]): row["n"] for row in rows}

    async def oldest(self, integration: str) -> float | None:
        """Give when the oldest queued job of an integration was accepted."""
        rows = await self.database.read(
            "SELECT created FROM jobs WHERE integration = ? AND state = 'queued' ORDER BY seq LIMIT 1",
            (integration,),
        )
        return rows[0]["created"] if rows else None

    async def newest(
        self, wanted: Iterable[tuple[str, str]], limit: int, before: int | None = None
    ) -> list[Row]:
        """Give jobs of these integrations and states, the newest first, of those before `before`."""
        rows: list[Row] = []
        for integration, state in wanted:
            rows += await self.database.read(
                "SELECT * FROM jobs WHERE integration = ? AND state = ? AND seq < ? "
                "ORDER BY seq DESC LIMIT ?",
                (integration, state, before if before is not None else 2**62, limit),
            )
        return sorted(rows, key=lambda row: -row["seq"])[:limit]

    async def finished_before(self, integration: str, then: float) -> list[int]:
        """Give some of the jobs that ended well, or were cancelled, before a moment. Dead letters stay."""
        rows: list[Row] = []
        for state in (DONE, CANCELLED):
            rows += await self.database.read(
                "SELECT seq FROM jobs WHERE integration = ? AND state = ? AND finished < ? LIMIT ?",
                (integration, state, then, BATCH),
            )
        return [row["seq"] for row in rows]

    async def callbacks_due(self, now: float, limit: int, but: Collection[int]) -> list[Row]:
        """Give jobs of whose end an app is to be told now, but for some."""
        return await self.database.read(
            "SELECT * FROM jobs WHERE callback_due <= ? AND seq NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY callback_due LIMIT ?",
            (now, json.dumps(list(but)), limit),
        )

    async def sweep(self, ids: Iterable[str]) -> None:
        """Remove the files, by their jobs' ids, that no job has: of a process that was killed."""
        for id in ids:
            if await self.find(id) is None:
                self.bodies.remove(id)


def by_state(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Give counts by integration, each with its states."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (integration, state), n in counts.items():
        found[integration][state] = n
    return dict(found)
