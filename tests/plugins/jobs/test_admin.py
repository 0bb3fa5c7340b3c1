"""Dead letters: the command line and the admin API, the token, metrics; clients see their own."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar
from plugins.jobs.conftest import ASYNC, Caller

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "unix:{folder}/admin.sock"

[clients.shop]
token = "env:SHOP"
[clients.other]
token = "env:OTHER"
integrations = ["acme"]

[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "20ms" }}

[integrations.waiting]
base_url = "http://127.0.0.1:9"
auth = {{ type = "none" }}
jobs = {{ base = "1h", cap = "1h" }}
"""
SHOP, OTHER = {"Outrider-Token": "shop-token"}, {"Outrider-Token": "other-token"}


@pytest.fixture(scope="module")
def app(module_provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("admin")
    env = {"SHOP": "shop-token", "OTHER": "other-token"}
    with Sidecar(CONFIG.format(url=module_provider.url, folder=folder), env=env) as sidecar:
        yield Caller(sidecar)


@pytest.fixture
def dead(app: Caller, provider: FakeProvider) -> str:
    """The id of a job that the provider refused."""
    provider.reply(400, b"wrong")
    location = app.enqueue("/acme/x", b"dead", SHOP)
    app("GET", location, headers={**SHOP, "Prefer": "wait=5"})
    return location.rpartition("/")[2]


def admin(app: Caller, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(app.sidecar.admin_url.removeprefix("unix:"))
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def test_another_clients_job_is_a_404(app: Caller, dead: str) -> None:
    """Whatever is asked of it; so is it for nobody, once there are clients (401)."""
    path = f"/_outrider/jobs/{dead}"

    assert app("GET", path, headers=SHOP).json["client"] == "shop"
    assert [app(method, path, headers=OTHER).status for method in ("GET", "DELETE")] == [404, 404]
    assert app("GET", f"{path}/response", headers=OTHER).status == 404
    assert app("GET", path).status == 401
    assert app("GET", path, headers={"Authorization": "Bearer shop-token"}).status == 200


def test_keys_of_clients_are_apart(app: Caller, provider: FakeProvider) -> None:
    """The same key of another client is another job."""
    first, second = (
        app.enqueue("/acme/x", body, {**who, "Idempotency-Key": "same"})
        for who, body in ((SHOP, b"1"), (OTHER, b"2"))
    )

    for location, who in ((first, SHOP), (second, OTHER)):
        app("GET", location, headers={**who, "Prefer": "wait=5"})

    assert first != second


def test_list_and_show(app: Caller, dead: str) -> None:
    """What there is, with counts; one job with each attempt's time, status and reason."""
    listed = app.outrider("jobs", "list", "--state", "failed")
    shown = app.outrider("jobs", "show", dead)
    as_json = app.outrider("jobs", "list", "--json", "--integration", "acme", "--limit", "1")
    unknown = app.outrider("jobs", "show", "none")
    unsaid = app.outrider("jobs")
    elsewhere = app.outrider("jobs", "--config", "none.toml", "list")

    assert listed.returncode == 0, listed
    assert re.search(rf"{dead} +failed +acme +POST /x +1 ", listed.stdout), listed.stdout
    assert re.search(r"acme: .*\d+ failed", listed.stdout)
    assert re.search(r"attempt 1 +20\S+  400  the provider answered 400 Bad Request\n", shown.stdout)
    assert json.loads(as_json.stdout)["integration"] == "acme"
    assert (unknown.returncode, unknown.stderr) == (2, "outrider: there is no such job\n")
    assert (unsaid.returncode, dead in unsaid.stdout) == (0, True)
    assert elsewhere.stderr.startswith("outrider: none.toml:1: there is no such file")


def test_retry(app: Caller, provider: FakeProvider, dead: str) -> None:
    """The job is delivered again, with the same bytes and key; one that is done cannot be."""
    provider.clear()
    retried = app.outrider("jobs", "retry", dead)
    job = app("GET", f"/_outrider/jobs/{dead}", headers={**SHOP, "Prefer": "wait=5"}).json
    again = app.outrider("jobs", "retry", dead)

    assert (retried.returncode, retried.stdout) == (0, "1 queued anew\n")
    assert (job["state"], job["attempts"], [entry["status"] for entry in job["history"]]) == (
        "done",
        2,
        [400, 200],
    )
    assert (provider.requests[0].body, provider.requests[0].values("Idempotency-Key")) == (
        b"dead",
        [job["idempotency_key"]],
    )
    assert (again.returncode, again.stderr) == (1, f"job {dead} is done: it cannot be queued anew\n")


def test_many_at_once(app: Caller, provider: FakeProvider) -> None:
    """`--all` works through all of them; what waits is cancelled, what has ended is purged."""
    waiting = [app.enqueue("/waiting/x", b"", SHOP).rpartition("/")[2] for _ in range(5)]
    cancelled = app.outrider("jobs", "cancel", "--integration", "waiting")
    states = {app("GET", f"/_outrider/jobs/{id}", headers=SHOP).json["state"] for id in waiting}
    revived = app.outrider("jobs", "retry", waiting[0])
    ended = app.outrider("jobs", "cancel", waiting[0])
    purged = app.outrider("jobs", "purge", "--all")
    left = admin(app, "GET", "/api/jobs")[1]
    nothing = app.outrider("jobs", "purge")

    assert (cancelled.returncode, cancelled.stdout, states) == (0, "5 cancelled\n", {"cancelled"})
    assert (revived.stdout, ended.stdout) == ("1 queued anew\n", "1 cancelled\n")
    assert re.fullmatch(r"\d+ purged\n", purged.stdout)
    assert left["jobs"] == []
    assert app("GET", f"/_outrider/jobs/{waiting[0]}", headers=SHOP).status == 404
    assert (nothing.returncode, "name jobs by their ids" in nothing.stderr) == (2, True)


def test_a_change_needs_the_token(app: Caller, dead: str) -> None:
    """The one in `state_dir/admin-token`, which only this user can read; looking needs none here."""
    path = app.state_dir / "admin-token"
    token = path.read_text()
    changes = [
        admin(app, "POST", f"/api/jobs/{dead}/purge", headers)[0]
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Origin": "http://evil.example", **SHOP})
    ]
    purged = admin(app, "POST", f"/api/jobs/{dead}/purge", {"Authorization": f"Bearer {token}"})

    assert (path.stat().st_mode & 0o777, len(token) > 40) == (0o600, True)
    assert changes == [401, 401, 403]
    assert admin(app, "GET", "/api/jobs")[0] == 200
    assert purged == (200, {"changed": 1, "state": "purged"})
    assert token not in app.sidecar.stderr


def test_metrics(provider: FakeProvider) -> None:
    """Jobs by state, the age of the oldest, what was accepted and delivered, and how long it took."""
    text = CONFIG.split("[clients.shop]")[0].replace("unix:{folder}/admin.sock", "127.0.0.1:0")
    text += "[integrations.acme]" + CONFIG.split("[integrations.acme]")[1]
    with Sidecar(text.format(url=provider.url)) as sidecar:
        app = Caller(sidecar)
        none = sidecar.metric("outrider_jobs")
        provider.reply(503)
        app.job(app.enqueue("/acme/x"), wait=5)
        provider.reply(400)
        app.job(app.enqueue("/acme/x"), wait=5)
        app.enqueue("/acme/x", b"", {"Outrider-Not-Before": "1h"})
        states = {
            state: sidecar.metric("outrider_jobs", integration="acme", state=state)
            for state in ("queued", "sending", "done", "failed")
        }
        results = {
            result: sidecar.metric("outrider_job_deliveries_total", integration="acme", result=result)
            for result in ("done", "later", "failed")
        }
        accepted = sidecar.metric("outrider_jobs_accepted_total", integration="acme")
        took = sidecar.metric("outrider_job_delivery_seconds_count", integration="acme")
        age = sidecar.metric("outrider_jobs_oldest_seconds", integration="acme")
        said = sidecar.stderr

    assert none == 0
    assert states == {"queued": 1, "sending": 0, "done": 1, "failed": 1}
    assert results == {"done": 1, "later": 1, "failed": 1}
    assert (accepted, took) == (3, 1)
    assert 0 < age < 60
    assert "failed for good: the provider answered 400 Bad Request" in said


def test_no_job_is_made_where_the_client_may_not_call(app: Caller) -> None:
    """Who may call what is asked before anything is kept."""
    assert app("POST", "/waiting/x", b"", {**ASYNC, **OTHER}).status == 403
    assert app("POST", "/acme/x", b"", ASYNC).status == 401
    assert Path(app.state_dir / "jobs.db").exists()
