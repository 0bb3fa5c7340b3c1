"""The database: commits that are shared, items that are to blame alone, schema steps that can be killed."""

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outrider.errors import StartError
from outrider_plugins.jobs.database import Connection, Database, StoreFailed
from outrider_plugins.jobs.schema import MIGRATIONS


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "jobs.db")
    await made.open()
    yield made
    await made.close()


class Inserts:
    """Writes ids to `counts`, and remembers how many came together."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def __call__(self, connection: Connection, items: list[str]) -> list[str]:
        self.batches.append(len(items))
        await connection.executemany("INSERT INTO counts VALUES (?, 's', 1)", [(item,) for item in items])
        return items


async def test_who_waits_together_commits_together(database: Database) -> None:
    """While one commit is synced the others gather; each gets its own result, after the commit."""
    run = Inserts()
    results = await asyncio.gather(*(database.write(run, f"{number:03}") for number in range(100)))
    rows = await database.read("SELECT integration FROM counts ORDER BY 1")

    assert results == [f"{number:03}" for number in range(100)]
    assert [row[0] for row in rows] == results
    assert len(run.batches) <= 3


async def test_one_that_is_to_blame_fails_alone(database: Database) -> None:
    """The others of its commit are written."""
    run = Inserts()
    results = await asyncio.gather(
        *(database.write(run, item) for item in ("a", "b", "a", "c")), return_exceptions=True
    )

    assert [type(result) for result in results] == [str, str, sqlite3.IntegrityError, str]
    assert len(await database.read("SELECT 1 FROM counts")) == 3


async def test_one_that_left_is_written_all_the_same(database: Database) -> None:
    """An app that goes away while the commit is under way disturbs nobody."""
    run = Inserts()
    waiting = [asyncio.ensure_future(database.write(run, item)) for item in "ab"]
    await asyncio.sleep(0)
    waiting[0].cancel()

    assert await waiting[1] == "b"
    assert len(await database.read("SELECT 1 FROM counts")) == 2


async def test_a_full_disk(database: Database) -> None:
    """All of a commit hear of it, and the next one goes on."""

    async def fill(connection: Connection, items: list[bytes]) -> list[None]:
        await connection.executemany(
            "INSERT INTO requests VALUES (NULL, '', ?, NULL, 0)", [(item,) for item in items]
        )
        return [None] * len(items)

    async def cap(connection: Connection, items: list[int]) -> list[None]:
        await connection.execute_fetchall(f"PRAGMA max_page_count = {items[0]}")
        return [None]

    await database.write(cap, 40)
    results = await asyncio.gather(
        *(database.write(fill, bytes(100_000)) for _ in range(3)), return_exceptions=True
    )
    await database.write(cap, 1_000_000)
    await database.write(fill, bytes(100_000))

    assert [type(result) for result in results] == [StoreFailed] * 3
    assert "database or disk is full" in str(results[0])
    assert len(await database.read("SELECT 1 FROM requests")) == 1


async def test_only_one_connection_can_write(database: Database) -> None:
    """The other one is opened read-only: the WAL-reset bug of SQLite needs two."""
    with pytest.raises(StoreFailed, match="readonly"):
        await database.read("DELETE FROM counts")
    (mode,) = await database.read("PRAGMA journal_mode")

    assert mode[0] == "wal"


async def test_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """Step by step, with what is in it."""
    old = Database(tmp_path / "jobs.db", migrations=MIGRATIONS[:1])
    await old.open()
    await old.write(Inserts(), "kept")
    await old.close()
    new = Database(tmp_path / "jobs.db")
    await new.open()
    columns = {row["name"] for row in await new.read("PRAGMA table_info(jobs)")}
    kept = await new.read("SELECT integration FROM counts")
    (version,) = await new.read("PRAGMA user_version")
    await new.close()

    assert "callback" in columns
    assert (kept[0][0], version[0]) == ("kept", len(MIGRATIONS))


@pytest.mark.parametrize("moment", range(4))
async def test_a_schema_step_may_be_killed(tmp_path: Path, moment: int) -> None:
    """In the middle of it, before or after its commit: the next start goes on from there."""
    script = """
        import asyncio, os, signal, sys
        from pathlib import Path
        from outrider_plugins.jobs import database
        from outrider_plugins.jobs.schema import MIGRATIONS

        steps = MIGRATIONS[1].split(";")
        moment = int(sys.argv[2])
        steps.insert(moment + 1, "SELECT die()")

        class Deadly(database.Database):
            async def _prepare(self, writer):
                await writer.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
                await super()._prepare(writer)

        asyncio.run(Deadly(Path(sys.argv[1]), migrations=(MIGRATIONS[0], ";".join(steps))).open())
    """
    path = tmp_path / "jobs.db"
    old = Database(path, migrations=MIGRATIONS[:1])
    await old.open()
    await old.write(Inserts(), "kept")
    await old.close()
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", textwrap.dedent(script), str(path), str(moment)], check=False
    )
    new = Database(path)
    await new.open()
    kept = await new.read("SELECT integration FROM counts")
    columns = {row["name"] for row in await new.read("PRAGMA table_info(jobs)")}
    await new.close()

    assert ended.returncode == -9
    assert (kept[0][0], "callback_reason" in columns) == ("kept", True)


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """In words, with what to do."""
    new = Database(tmp_path / "jobs.db", migrations=(*MIGRATIONS, "CREATE TABLE more (x)"))
    await new.open()
    await new.close()
    with pytest.raises(StartError, match="newer Outrider .*upgrade outrider"):
        await Database(tmp_path / "jobs.db").open()
