"""What is written to the database: each function writes many items within one transaction."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import Any

from .database import Connection
from .job import DONE, QUEUED, Draft, Outcome

BATCH = 500
"""As many rows are changed at once by what may be about a million."""

_ADD = """
INSERT OR IGNORE INTO jobs (id, integration, client, state, priority, queue_key, behind, app_key, digest, key,
    method, target, created, due, expires, until, callback)
VALUES (:id, :integration, :client, 'queued', :priority, :queue_key,
    CASE WHEN :queue_key IS NULL THEN 0 ELSE EXISTS (
        SELECT 1 FROM jobs WHERE integration = :integration AND client = :client
            AND queue_key = :queue_key AND state = 'queued') END,
    :app_key, :digest, :key, :method, :target, :created, :due, :expires, :until, :callback)
"""
_ADD_REQUEST = """
INSERT INTO requests SELECT seq, :base, :fields, :body, :size FROM jobs WHERE id = :id
"""
_SETTLE = """
UPDATE jobs SET attempts = attempts + 1, failures = failures + :reached, reason = :reason, state = :state,
    due = :due, finished = CASE WHEN :state = 'queued' THEN NULL ELSE :at END,
    callback_due = CASE WHEN :state <> 'queued' AND callback IS NOT NULL THEN :at END
WHERE seq = :seq AND state = 'queued'
"""
_ADVANCE = """
UPDATE jobs SET behind = 0 WHERE seq = (
    SELECT next.seq FROM jobs AS one JOIN jobs AS next ON next.integration = one.integration
        AND next.client = one.client AND next.queue_key = one.queue_key AND next.state = 'queued'
    WHERE one.seq = ? AND one.queue_key IS NOT NULL AND one.state <> 'queued' ORDER BY next.seq LIMIT 1)
"""
_RETRY = """
UPDATE jobs SET state = 'queued', finished = NULL, due = :now, expires = NULL, failures = 0,
    until = :now + coalesce((SELECT value FROM json_each(:keep) WHERE key = integration), 86400.0),
    callback_due = NULL, callback_attempts = 0,
    behind = CASE WHEN queue_key IS NULL THEN 0 ELSE EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.integration = jobs.integration
            AND other.client = jobs.client AND other.queue_key = jobs.queue_key
            AND other.state = 'queued') END
WHERE seq = :seq AND state IN ('failed', 'cancelled')
"""


@dataclass(frozen=True, slots=True)
class Added:
    """A job that is kept: `id` is another's where the app's key was seen before, `same` whether it fits."""

    id: str
    same: bool = True


async def add(connection: Connection, drafts: list[Draft]) -> list[Added]:
    """Keep jobs; one whose app's key was seen before is not a second one."""
    rows = [_named(draft) for draft in drafts]
    await connection.executemany(_ADD, rows)
    await connection.executemany(_ADD_REQUEST, rows)
    added = []
    for draft in drafts:
        if draft.app_key is None:
            added.append(Added(draft.id))
            continue
        found = await connection.execute_fetchall(
            "SELECT id, digest FROM jobs WHERE integration = ? AND client = ? AND app_key = ?",
            (draft.integration, draft.client, draft.app_key),
        )
        (id, digest), *_ = found
        added.append(Added(id, digest == draft.digest))
    return added


_NAMES = tuple(Draft.__dataclass_fields__)


def _named(draft: Draft) -> dict[str, Any]:
    return dict(zip(_NAMES, astuple(draft), strict=True))


async def settle(connection: Connection, outcomes: list[Outcome]) -> list[None]:
    """Write down what came of deliveries."""
    await connection.executemany(
        "INSERT INTO attempts SELECT seq, attempts + 1, ?, ?, ? FROM jobs WHERE seq = ?",
        [(one.at, one.status, one.reason, one.seq) for one in outcomes],
    )
    await connection.executemany(
        _SETTLE,
        [
            {
                "seq": one.seq,
                "at": one.at,
                "reason": one.reason,
                "state": one.state,
                "due": one.due,
                "reached": int(one.reached and one.state != DONE),
            }
            for one in outcomes
        ],
    )
    ended = [(one.seq,) for one in outcomes if one.state != QUEUED]
    if ended:
        kept = [(one.seq, one.response) for one in outcomes if one.response is not None]
        await connection.executemany(
            "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?)",
            [(seq, kept.status, kept.fields, kept.body, kept.size) for seq, kept in kept],
        )
        await connection.executemany(_ADVANCE, ended)
        await connection.executemany(
            "DELETE FROM requests WHERE seq = ?", [(one.seq,) for one in outcomes if one.state == DONE]
        )
    return [None] * len(outcomes)


async def cancel(connection: Connection, items: list[tuple[int, float, str]]) -> list[bool]:
    """End queued jobs; whether each was one."""
    results = []
    for seq, now, reason in items:
        cursor = await connection.execute(
            "UPDATE jobs SET state = 'cancelled', finished = :now, reason = :reason, "
            "callback_due = CASE WHEN callback IS NOT NULL THEN :now END "
            "WHERE seq = :seq AND state = 'queued'",
            {"seq": seq, "now": now, "reason": reason},
        )
        if cursor.rowcount:
            await connection.execute(_ADVANCE, (seq,))
        results.append(cursor.rowcount > 0)
    return results


async def expire(connection: Connection, items: list[tuple[str, float, str]]) -> list[int]:
    """Give up the jobs of an integration whose time is over, some of them; how many."""
    results = []
    for integration, now, but in items:
        rows = list(
            await connection.execute_fetchall(
                "SELECT seq, expires FROM jobs WHERE integration = ? AND state = 'queued' AND until <= ? "
                "AND seq NOT IN (SELECT value FROM json_each(?)) LIMIT ?",
                (integration, now, but, BATCH),
            )
        )
        for seq, expires in rows:
            reason = f"not delivered {'within jobs.keep' if expires is None else 'before it expired'}"
            await connection.execute(
                "UPDATE jobs SET state = 'failed', finished = :now, "
                "reason = :reason || CASE reason WHEN '' THEN '' ELSE '; the last attempt: ' || reason END, "
                "callback_due = CASE WHEN callback IS NOT NULL THEN :now END WHERE seq = :seq",
                {"seq": seq, "now": now, "reason": reason},
            )
            await connection.execute(_ADVANCE, (seq,))
        results.append(len(rows))
    return results


async def retry(connection: Connection, items: list[tuple[list[int], float, dict[str, float]]]) -> list[int]:
    """Queue jobs anew that failed or were cancelled, each for a whole `keep`: by integration, in seconds."""
    results = []
    for seqs, now, keep_s in items:
        changed = 0
        for seq in seqs:
            cursor = await connection.execute(_RETRY, {"seq": seq, "now": now, "keep": json.dumps(keep_s)})
            if cursor.rowcount:
                await connection.execute("DELETE FROM responses WHERE seq = ?", (seq,))
            changed += cursor.rowcount
        results.append(changed)
    return results


async def called_back(connection: Connection, items: list[tuple[float | None, str, int]]) -> list[None]:
    """Write down that apps were told, or when to try again."""
    await connection.executemany(
        "UPDATE jobs SET callback_due = ?, callback_reason = ?, callback_attempts = callback_attempts + 1 "
        "WHERE seq = ?",
        items,
    )
    return [None] * len(items)


async def purge(connection: Connection, items: list[list[int]]) -> list[list[str]]:
    """Forget jobs that have ended; the ids of those that had."""
    results = []
    for seqs in items:
        rows = await connection.execute_fetchall(
            "SELECT seq, id FROM jobs WHERE seq IN (SELECT value FROM json_each(?)) AND state <> 'queued'",
            (json.dumps(seqs),),
        )
        gone = {int(seq): str(id) for seq, id in rows}
        for table in ("jobs", "requests", "responses", "attempts"):
            await connection.execute(
                f"DELETE FROM {table} WHERE seq IN (SELECT value FROM json_each(?))",  # noqa: S608 - ours
                (json.dumps(list(gone)),),
            )
        await connection.execute_fetchall("PRAGMA incremental_vacuum(256)")
        results.append(list(gone.values()))
    return results
