"""A job, as it is stored and as people and programs are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Row

#: What is written. A queued job is `sending` while a delivery is under way, and `parked` while its
#: integration is not configured: the process that runs knows.
QUEUED, DONE, FAILED, CANCELLED = "queued", "done", "failed", "cancelled"
SENDING, PARKED = "sending", "parked"
STATES = (QUEUED, SENDING, PARKED, DONE, FAILED, CANCELLED)
FINISHED = (DONE, FAILED, CANCELLED)
PRIORITIES = ("high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to become a job. `fields` hold no credential; `body` is None where it has its file."""

    id: str
    integration: str
    client: str
    method: str
    target: str
    base: str
    fields: bytes
    body: bytes | None
    size: int
    key: str
    app_key: str | None
    digest: bytes
    created: float
    due: float
    until: float
    expires: float | None = None
    priority: int = 1
    queue_key: str | None = None
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A response as it is stored: `body` is None where it has its file, or was too long (`size` -1)."""

    status: int
    fields: bytes
    body: bytes | None
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one delivery, and what the job is from then on."""

    seq: int
    at: float
    status: int
    """Of the response; 0 where there was none."""
    reason: str
    state: str
    reached: bool = True
    """Whether it reached the provider."""
    due: float = 0.0
    """When it is tried again; of a queued one."""
    response: Kept | None = None
    exchange_id: str = ""


#: The last moment that RFC 3339 can write, in seconds since the epoch.
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 1


def moment(seconds: float | None) -> str | None:
    """Write a time as RFC 3339 has it; one that it cannot write as the last that it can."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(min(seconds, _LAST), UTC).isoformat(timespec="milliseconds")


def as_json(row: Row, state: str, history: list[Row], response: Row | None) -> dict[str, Any]:
    """Tell a job; `state` is what the running process knows."""
    told = summary(row, state)
    told["idempotency_key"] = row["key"]
    told["history"] = [
        {"time": moment(one["at"]), "status": one["status"] or None, "reason": one["reason"]}
        for one in history
    ]
    told["response"] = None
    if response is not None:
        headers: dict[str, str] = {}
        for name, value in parse_fields(response["fields"]):
            text, key = value.decode("latin-1"), name.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        told["response"] = {"status": response["status"], "headers": headers}
    if row["callback"] is not None:
        told["callback"] = {
            "url": row["callback"],
            "attempts": row["callback_attempts"],
            "waits": row["callback_due"] is not None,
            "result": row["callback_reason"],
        }
    return told


def summary(row: Row, state: str) -> dict[str, Any]:
    """Tell a job in short, as a list does."""
    live = row["state"] == QUEUED
    return {
        "id": row["id"],
        "state": state,
        "integration": row["integration"],
        "client": row["client"],
        "method": row["method"],
        "path": row["target"].partition("?")[0],
        "priority": PRIORITIES[row["priority"]],
        "queue_key": row["queue_key"],
        "attempts": row["attempts"],
        "reason": row["reason"],
        "created": moment(row["created"]),
        "due": moment(row["due"]) if live else None,
        "until": moment(row["until"]) if live else None,
        "finished": moment(row["finished"]),
    }


def parse_fields(data: bytes) -> list[tuple[bytes, bytes]]:
    """Read header fields as `headers.serialize` wrote them."""
    pairs = []
    for line in data.split(b"\r\n"):
        if line:
            name, _, value = line.partition(b": ")
            pairs.append((name, value))
    return pairs
