"""The jobs on the proxy's listeners, for the app that made them: `/_outrider/jobs/ID`.

`GET` tells a job, with `Prefer: wait=20` once it has ended; `GET .../response` gives the provider's
response as it came; `DELETE` cancels. A client sees its own jobs: another's is a 404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider.errors import NotFound
from outrider.plugin import Exchange, Malformed, Refused, Response, field, respond
from outrider.problem import answer as problem

from .bodies import content_of
from .job import CANCELLED, FINISHED, parse_fields
from .queue import QUEUE
from .wishes import PREFER, wait_s

if TYPE_CHECKING:
    from .database import Row
    from .store import Store


class NoSuchJob(NotFound):
    """There is none, or it is another client's."""

    kind = "no-such-job"


class NotOpen(Refused):
    """What is asked for cannot be done to a job of this state."""

    status = 409
    kind = "job-not-open"


async def answer(exchange: Exchange) -> Response:
    """Answer what is below `/_outrider/jobs`."""
    _, _, rest = exchange.path.lstrip("/").partition("/")
    id, _, part = rest.partition("/")
    allowed = ("GET", "HEAD") if part else ("GET", "HEAD", "DELETE")
    if part not in ("", "response") or not id:
        raise NoSuchJob("there is no such job")
    if exchange.method not in allowed:
        refusal = Malformed("the method is not for this path", status=405)
        response = problem(refusal, id=exchange.id, integration=None)
        response.fields.append(field("Allow", ", ".join(allowed)))
        return response
    store = await QUEUE.existing()
    wait = wait_s(exchange.headers.getall(PREFER, ())) if exchange.method == "GET" else 0.0
    row = await QUEUE.finished(store, id, 0.0) if store is not None else None
    if store is None or row is None or row["client"] != exchange.client:
        raise NoSuchJob("there is no such job")
    if wait:
        row = await QUEUE.finished(store, id, wait) or row
    if part:
        return await _response(store, row)
    if exchange.method == "DELETE":
        if not await QUEUE.cancel(store, row):
            row = await store.find(id) or row
            if row["state"] != CANCELLED:
                raise NotOpen(f"the job has ended already: it is {row['state']}")
        row = await store.find(id) or row
    return respond(200, await QUEUE.tell(store, row), _applied(wait))


def _applied(wait: float) -> list[tuple[str, str]]:
    return [("Preference-Applied", f"wait={wait:g}")] if wait else []


async def _response(store: Store, row: Row) -> Response:
    """Give the provider's response as it came; 202 while there may be one, and why where there is none."""
    if row["state"] not in FINISHED:
        state = QUEUE.state_of(row)
        return respond(202, {"id": row["id"], "state": state}, [("Location", f"/_outrider/jobs/{row['id']}")])
    kept = await store.response(row["seq"])
    if kept is None:
        status = 410 if row["state"] == CANCELLED else 502
        raise NotOpen(f"there is no response: the job is {row['state']}, {row['reason']}", status=status)
    if kept["size"] < 0:
        raise NotOpen(
            f"the response ({kept['status']}) was not kept: longer than jobs.max_body, or the disk was full",
            status=410,
        )
    path = store.bodies.response(row["id"])
    if kept["body"] is None and not path.exists():
        raise NotOpen(f"the response ({kept['status']}) is lost: its file is gone from state_dir", status=410)
    body = content_of(kept["body"], path, kept["size"])
    return Response(kept["status"], parse_fields(kept["fields"]), body)
