"""The database: one connection that writes, with group commit, and one that reads.

SQLite before 3.51.3 can lose a write when two connections write or checkpoint at once (the WAL-reset
bug), and Python often brings an older one: so one connection writes and checkpoints, and the other cannot
(`mode=ro`). `synchronous=FULL` syncs each commit: what was committed survives a power failure.

Whoever writes waits for a commit. While one is being synced the next ones gather, and share a commit.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import aiosqlite

from outrider.errors import StartError
from outrider.plugin import Unavailable, spawn

from .schema import MIGRATIONS

LOG = logging.getLogger("outrider.jobs")

Connection: TypeAlias = aiosqlite.Connection
Row: TypeAlias = "sqlite3.Row"
Run: TypeAlias = "Callable[[Connection, list[Any]], Awaitable[Sequence[Any]]]"
"""Writes many items at once, and gives a result for each."""

#: What is wrong with one item. Anything else is the disk's, and nobody of the same commit fares better.
_STATEMENT = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
_RETRY_AFTER_S = 5.0
#: Bytes of a file that is checked as a whole when it is opened: some tenths of a second.
_CHECKED = 64 * 2**20


class StoreFailed(Unavailable):
    """Nothing can be written or read for now: a full disk, a read-only file system, an I/O error."""


class Database:
    """One file. Closed until `open`; after an error of the disk it is opened anew when it is next used."""

    def __init__(self, path: Path, *, migrations: Sequence[str] = MIGRATIONS) -> None:
        self.path = path
        self._migrations = migrations
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        # What waits for the next commit: how to write it, the item, and who waits.
        self._pending: list[tuple[Run, Any, asyncio.Future[Any]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Database {self.path}{'' if self._writer is not None else ', closed'}>"

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and no error has closed it since."""
        return self._writer is not None

    async def open(self) -> None:
        """Open, and bring the schema up to date. StartError for a file that is not ours to use.

        StoreFailed where the disk does not let us.
        """
        async with self._opening:
            if self._writer is not None:
                return
            writer = reader = None
            try:
                writer = await aiosqlite.connect(self.path, isolation_level=None)
                await self._prepare(writer)
                uri = f"{self.path.absolute().as_uri()}?mode=ro"
                reader = await aiosqlite.connect(uri, uri=True, isolation_level=None)
                reader.row_factory = sqlite3.Row
            except BaseException as error:
                for connection in (reader, writer):
                    if connection is not None:
                        with suppress(sqlite3.Error, ValueError):
                            await connection.close()
                if isinstance(error, sqlite3.Error):
                    raise self._unusable(error) from None
                raise
            self._writer, self._reader = writer, reader

    async def close(self) -> None:
        """Write what still waits, then close."""
        while self._committing is not None:
            await asyncio.wait([self._committing])
        await self._drop()

    async def write(self, run: Run, item: Any) -> Any:
        """Give what `run` makes of the item, once that is committed and synced.

        StoreFailed where it is not. Items with the same `run` are written together.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((run, item, done))
        if self._committing is None:
            self._committing = spawn(self._commit_all(), name="jobs-commit")
        return await done

    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """Give the rows of a query. StoreFailed where the disk does not let us."""
        if self._reader is None:
            await self.reopen()
        reader = self._reader
        assert reader is not None
        try:
            return list(await reader.execute_fetchall(sql, parameters))
        except sqlite3.Error as error:
            raise self._failed(error) from None

    async def reopen(self) -> None:
        """Open it again after an error. StoreFailed where that does not help."""
        try:
            await self.open()
        except StartError as error:
            raise StoreFailed(str(error), retry_after_s=_RETRY_AFTER_S) from None

    async def _commit_all(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                try:
                    if self._writer is None:
                        await self.reopen()
                    await self._commit(batch)
                except _STATEMENT as error:
                    if len(batch) == 1:
                        _tell(batch, error)
                    else:  # one of them is to blame, and the others must not suffer
                        for one in batch:
                            await self._commit_alone(one)
                except sqlite3.Error as error:
                    _tell(batch, self._failed(error))
                except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
                    _tell(batch, error)
        finally:
            self._committing = None

    async def _commit_alone(self, one: tuple[Run, Any, asyncio.Future[Any]]) -> None:
        try:
            await self._commit([one])
        except _STATEMENT as error:
            _tell([one], error)
        except sqlite3.Error as error:
            _tell([one], self._failed(error))

    async def _commit(self, batch: list[tuple[Run, Any, asyncio.Future[Any]]]) -> None:
        writer = self._writer
        assert writer is not None
        grouped: dict[Run, list[tuple[Any, asyncio.Future[Any]]]] = {}
        for run, item, done in batch:
            grouped.setdefault(run, []).append((item, done))
        results: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            await writer.execute("BEGIN IMMEDIATE")
            for run, members in grouped.items():
                made = await run(writer, [item for item, _ in members])
                results += zip((done for _, done in members), made, strict=True)
            await writer.execute("COMMIT")
        except BaseException:
            await self._roll_back(writer)
            raise
        for done, result in results:
            if not done.done():
                done.set_result(result)

    async def _roll_back(self, writer: Connection) -> None:
        try:
            if writer.in_transaction:
                await writer.execute("ROLLBACK")
        except (sqlite3.Error, ValueError):
            await self._drop()

    async def _drop(self) -> None:
        """Close both, the reader first: the last one to close checkpoints, and only the writer may."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                with suppress(sqlite3.Error, ValueError):
                    await connection.close()
        self._reader = self._writer = None

    async def _prepare(self, writer: Connection) -> None:
        rows = list(await writer.execute_fetchall("PRAGMA user_version"))
        version = int(rows[0][0])
        if version > len(self._migrations):
            raise StartError(
                f"{self.path} was written by a newer Outrider (schema {version}, this one knows "
                f"{len(self._migrations)}); upgrade outrider, or give it another server.state_dir"
            )
        names = {row[0] for row in await writer.execute_fetchall("SELECT name FROM sqlite_master")}
        if (version or names) and not (version and {"jobs", "counts"} <= names):
            raise sqlite3.DatabaseError("it has other tables than ours")
        if not version:  # it has an effect before the first page is written, and none later
            await writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
        await writer.execute("PRAGMA journal_mode = WAL")
        await writer.execute("PRAGMA synchronous = FULL")
        await writer.execute("PRAGMA journal_size_limit = 67108864")
        for number, script in enumerate(self._migrations[version:], version + 1):
            await writer.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        # A file that is not whole shows here rather than at the first job; a large one at least at its ends.
        await writer.execute_fetchall("SELECT * FROM counts")
        await writer.execute_fetchall("SELECT max(seq) FROM jobs")
        if self.path.stat().st_size <= _CHECKED:
            rows = list(await writer.execute_fetchall("PRAGMA quick_check(1)"))
            if rows[0][0] != "ok":
                raise sqlite3.DatabaseError(rows[0][0])

    def _unusable(self, error: sqlite3.Error) -> StartError | StoreFailed:
        if type(error) is sqlite3.DatabaseError or "malformed" in str(error):
            return StartError(
                f"{self.path} is damaged, or no database of Outrider's ({error}); nothing was changed. "
                f"Move {self.path.name}* away to begin with no jobs, put a backup in its place, or save what "
                "can be read as docs/jobs.md says"
            )
        return self._failed(error)

    def _failed(self, error: sqlite3.Error) -> StoreFailed:
        LOG.error("%s: %s", self.path, error)
        return StoreFailed(f"jobs cannot be kept for now: {error}", retry_after_s=_RETRY_AFTER_S)


def _tell(batch: Iterable[tuple[Run, Any, asyncio.Future[Any]]], error: Exception) -> None:
    for _, _, done in batch:
        if not done.done():
            done.set_exception(error)
