"""Lanes through the real program: live calls first, pauses, one bad job among many, priorities."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Gate, ReceivedRequest, Script, Sidecar, raw, reply
from outrider_plugins.jobs.job import Draft, Outcome
from outrider_plugins.jobs.store import Store
from plugins.jobs.conftest import Caller

CONFIG = """
[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "20ms", attempts = 3 }}

[integrations.paced]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ rate = "20/s", burst = 1, wait = "10s" }}]

[integrations.slotted]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ concurrency = 4, wait = "10s" }}]

[integrations.scarce]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ rate = "1/h", endpoints = ["POST /rare"], wait = 0 }}, {{ rate = "1000/s" }}]
jobs = {{ concurrency = 2 }}

[integrations.wide]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ rate = "1/h", wait = 0 }}, {{ rate = "1000/s", endpoints = ["POST /rare"] }}]
jobs = {{ concurrency = 1 }}

[integrations.breaking]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "10ms", attempts = 1000 }}
breaker = {{ failures = 3, open = "1s" }}
"""


@pytest.fixture(scope="module")
def app(module_provider: FakeProvider) -> Iterator[Caller]:
    with Sidecar(CONFIG.format(url=module_provider.url)) as sidecar:
        yield Caller(sidecar)


def test_live_calls_go_first(app: Caller, provider: FakeProvider) -> None:
    """A backlog takes only the turns of a limit that nobody waits for."""
    jobs = [app.enqueue("/paced/job") for _ in range(30)]
    for _ in range(5):
        assert app("GET", "/paced/live").status == 200
    seen = [request.target for request in provider.requests]
    first, last = seen.index("/live"), len(seen) - 1 - seen[::-1].index("/live")
    for location in jobs:
        app("DELETE", location)

    assert seen[first : last + 1].count("/live") == 5
    assert seen[first : last + 1].count("/job") <= 5


def test_half_of_the_slots_are_left_to_live_calls(app: Caller, provider: FakeProvider) -> None:
    """However many jobs there are, and however slow the provider."""
    gate = Gate()

    def handler(request: ReceivedRequest) -> Script:
        return raw(gate, b"HTTP/1.1 204 No Content\r\n\r\n") if request.target == "/job" else reply(200)

    provider.handler = handler
    jobs = [app.enqueue("/slotted/job") for _ in range(10)]
    provider.until(lambda: len(provider.requests) == 2)
    live = app("GET", "/slotted/live").status
    targets = [request.target for request in provider.requests]
    gate.open()

    assert (live, targets) == (200, ["/job", "/job", "/live"])
    assert {app.job(location, wait=5)["state"] for location in jobs} == {"done"}


def test_a_limit_of_one_endpoint_holds_up_no_other(app: Caller, provider: FakeProvider) -> None:
    """However many jobs wait for a turn there: the others are delivered meanwhile, and those stay queued."""
    rare = [app.enqueue("/scarce/rare") for _ in range(8)]
    other = app.job(app.enqueue("/scarce/usual"), wait=5)
    listed = app.outrider("jobs", "list", "--integration", "scarce").stdout
    ended = [app.job(location)["finished"] is not None for location in rare]
    for location in rare:
        app("DELETE", location)

    assert other["state"] == "done"
    assert sorted(ended) == [*[False] * 7, True]
    assert "paused: some of them, integration 'scarce': no turn" in listed
    assert [request.target for request in provider.requests] == ["/rare", "/usual"]


def test_a_limit_of_all_endpoints_pauses_all(app: Caller, provider: FakeProvider) -> None:
    """Though one of some endpoints is passed too: no job of the backlog is tried in vain meanwhile."""
    jobs = [app.enqueue("/wide/rare") for _ in range(20)]
    app.job(jobs[0], wait=5)
    provider.until(lambda: len(provider.requests) == 1)
    refused = app.sidecar.metric("outrider_requests_total", integration="wide", status="429")
    ended = [app.job(location)["finished"] is not None for location in jobs]
    for location in jobs:
        app("DELETE", location)

    assert ended == [True, *[False] * 19]
    assert refused <= 2


def test_one_bad_job_holds_up_no_other(app: Caller, provider: FakeProvider) -> None:
    """It fails by its own schedule while the others are delivered."""

    def handler(request: ReceivedRequest) -> Script:
        return reply(500 if request.body == b"poison" else 200)

    provider.handler = handler
    poison = app.enqueue("/acme/x", b"poison")
    others = [app.enqueue("/acme/x", b"fine") for _ in range(20)]
    states = {app.job(location, wait=5)["state"] for location in others}

    assert states == {"done"}
    assert app.job(poison, wait=5)["state"] == "failed"


def test_an_open_breaker_pauses_them(app: Caller, provider: FakeProvider) -> None:
    """Nothing is sent while it is open; then the probe, and when that is answered all of them."""
    broken = threading.Event()
    broken.set()

    def handler(request: ReceivedRequest) -> Script:
        return reply(500 if broken.is_set() else 200)

    provider.handler = handler
    jobs = [app.enqueue("/breaking/x") for _ in range(10)]
    app.sidecar.until_said("left alone")
    time.sleep(0.5)
    while_open = len(provider.requests)
    broken.clear()
    states = [app.job(location, wait=10) for location in jobs]

    assert while_open == 3
    assert {job["state"] for job in states} == {"done"}
    assert sum(job["attempts"] for job in states) == len(provider.requests)


def draft(number: int, **changes: object) -> Draft:
    given = {
        "id": f"{number:032}",
        "integration": "acme",
        "client": "",
        "method": "POST",
        "target": "/x",
        "base": '["http", "h", ""]',
        "fields": b"",
        "body": b"",
        "size": 0,
        "key": f"k{number}",
        "app_key": None,
        "digest": b"",
        "created": float(number),
        "due": float(number),
        "until": 1e6,
    }
    return Draft(**{**given, **changes})  # type: ignore[arg-type]


async def test_what_is_due_comes_by_priority_then_age(tmp_path: Path) -> None:
    """Not what is under way, not what is not yet due, not what waits behind another of its queue key."""
    store = Store(tmp_path)
    await store.database.open()
    for number, changes in enumerate(
        (
            {"priority": 2},
            {"priority": 1},
            {"priority": 1, "queue_key": "k"},
            {"priority": 0, "queue_key": "k"},
            {"priority": 0, "due": 100.0},
            {"priority": 0},
            {"priority": 0, "integration": "other"},
        ),
        start=1,
    ):
        await store.add(draft(number, **changes))
    due = await store.due("acme", 50.0, 10, [])
    few = await store.due("acme", 50.0, 2, [6])
    at = await store.next_due("acme", 50.0)
    await store.settle(Outcome(3, 50.0, 200, "", "done"))
    after = await store.due("acme", 50.0, 10, [])
    counts = await store.counts()
    await store.database.close()

    assert (due, few, at) == ([6, 2, 3, 1], [2, 3], 100.0)
    assert after == [4, 6, 2, 1]
    assert counts == {("acme", "queued"): 5, ("acme", "done"): 1, ("other", "queued"): 1}


@pytest.mark.parametrize("query", ["due", "next_due", "overdue", "oldest"])
async def test_what_the_worker_asks_has_an_index(tmp_path: Path, query: str) -> None:
    """No question is answered by a look at every job."""
    store = Store(tmp_path)
    await store.database.open()
    asked: list[tuple[str, object]] = []
    read = store.database.read

    async def explained(sql: str, parameters: object = ()) -> list[object]:
        asked.append((sql, parameters))
        return []

    store.database.read = explained  # type: ignore[method-assign, assignment]
    match query:
        case "due":
            await store.due("acme", 1.0, 5, [1])
        case "next_due":
            await store.next_due("acme", 1.0)
        case "overdue":
            await store.overdue("acme", 1.0, [1])
        case "oldest":
            await store.oldest("acme")
    plan = [
        str(row["detail"]) for sql, given in asked for row in await read(f"EXPLAIN QUERY PLAN {sql}", given)
    ]  # type: ignore[arg-type]
    await store.database.close()

    assert any("USING" in step for step in plan), plan
    assert not [step for step in plan if step.startswith("SCAN jobs")], plan
