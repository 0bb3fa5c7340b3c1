"""The life of the queue: restarts, a second process, damaged files, full disks, integrations that come and go."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from outrider.testing import FakeProvider, Sidecar, Step
from plugins.jobs.conftest import ASYNC, Caller

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
state_dir = "{state}"

[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "20ms", retain = "1s" }}
{more}
"""
WAITING = """
[integrations.waiting]
base_url = "http://127.0.0.1:9"
auth = { type = "none" }
jobs = { base = "1h", cap = "1h" }
"""


def config(provider: FakeProvider, state: Path, more: str = "") -> str:
    return CONFIG.format(url=provider.url, state=state, more=more)


def until(claim: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for what another process brings about."""
    end = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def paused(sidecar: Sidecar) -> dict[str, str]:
    """Give why the jobs of integrations are not sent, by name."""
    with urlopen(f"{sidecar.admin_url}/api/jobs", timeout=10) as answer:
        told: dict[str, str] = json.load(answer)["paused"]
    return told


def refused(path: Path) -> str:
    """Give what a start says that must not succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", "outrider", "run", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_jobs_outlive_the_process(provider: FakeProvider, tmp_path: Path, number: signal.Signals) -> None:
    """However it ends; the next one delivers them, with the same key."""
    text = config(provider, tmp_path / "state")
    with Sidecar(text) as sidecar:
        app = Caller(sidecar)
        location = app.enqueue("/acme/x", b"kept" * 20_000, {"Outrider-Not-Before": "1s"})
        before = app.job(location)
        sidecar.signal(number)
        until(lambda: sidecar._process is not None and sidecar._process.poll() is not None)
    with Sidecar(text) as sidecar:
        after = Caller(sidecar).job(location, wait=10)

    assert (before["state"], after["state"]) == ("queued", "done")
    assert before["idempotency_key"] == after["idempotency_key"]
    assert [request.body for request in provider.requests] == [b"kept" * 20_000]


def test_a_graceful_stop_lets_a_delivery_end(provider: FakeProvider, tmp_path: Path) -> None:
    """And begins no other; what is written down is not sent again."""
    text = config(provider, tmp_path / "state")
    with Sidecar(text) as sidecar:
        app = Caller(sidecar)
        provider.stream(b"one", Step.WAIT)
        location = app.enqueue("/acme/x")
        provider.until(lambda: len(provider.requests) == 1)
        sidecar.signal(signal.SIGTERM)
        time.sleep(0.2)
        provider.release()
        assert sidecar.stop() == 0
    with Sidecar(text) as sidecar:
        job = Caller(sidecar).job(location, wait=5)

    assert (job["state"], job["attempts"], len(provider.requests)) == ("done", 1, 1)


def test_what_could_not_be_sent_later_is_not_queued(provider: FakeProvider, tmp_path: Path) -> None:
    """`queue` with auth type `pass` is a problem with its line: the app's credential would be stored."""
    (tmp_path / "config.toml").write_text(
        f'[integrations.a]\nbase_url = "{provider.url}"\nauth = {{ type = "pass" }}\n'
        '[integrations.a.on]\n"429" = ["queue"]\n'
    )
    said = subprocess.run(
        [sys.executable, "-m", "outrider", "check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert said.returncode == 2
    assert "config.toml:5: integrations.a.on.429: " in said.stdout
    assert 'auth type "pass"' in said.stdout


def test_a_second_process_is_refused(provider: FakeProvider, tmp_path: Path) -> None:
    """In words that name the directory and the process; the first one goes on."""
    text = config(provider, tmp_path / "state")
    (tmp_path / "config.toml").write_text(text)
    with Sidecar(text) as sidecar:
        said = refused(tmp_path / "config.toml")
        assert Caller(sidecar).job(Caller(sidecar).enqueue("/acme/x"), wait=5)["state"] == "done"

        assert f"server.state_dir {tmp_path / 'state'} is in use by another Outrider" in said
        assert f"(process {sidecar.pid})" in said


@pytest.mark.parametrize(
    "damage",
    ["not a database", "a truncated one", "a hole", "a newer schema", "another's", "another's, as new"],
)
def test_a_file_that_cannot_be_used_is_left_alone(
    provider: FakeProvider, tmp_path: Path, damage: str
) -> None:
    """The start is refused with what to do, and not a byte is changed."""
    state, text = tmp_path / "state", config(provider, tmp_path / "state")
    with Sidecar(text) as sidecar:
        Caller(sidecar).job(Caller(sidecar).enqueue("/acme/x"), wait=5)
    file = state / "jobs.db"
    if damage == "not a database":
        file.write_bytes(b"something else entirely " * 1000)
    elif damage == "a hole":
        whole = file.read_bytes()
        file.write_bytes(whole[:40_960] + bytes(8192) + whole[49_152:])
    elif damage == "a truncated one":
        file.write_bytes(file.read_bytes()[:6000])
    elif damage.startswith("another's"):
        file.unlink()
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE theirs (id)")
        connection.execute(f"PRAGMA user_version = {2 if 'new' in damage else 0}")
        connection.close()
    else:
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    (tmp_path / "config.toml").write_text(text)
    before = file.read_bytes()
    said = refused(tmp_path / "config.toml")

    assert file.read_bytes() == before
    assert str(file) in said
    assert ("newer Outrider" if damage == "a newer schema" else "Move jobs.db* away") in said


@pytest.fixture
def limited(provider: FakeProvider, tmp_path: Path) -> Iterator[tuple[Caller, Callable[[int], None]]]:
    """A sidecar whose files can be kept from growing, as on a full disk."""
    more = 'retry = { attempts = 1 }\non = { "429" = ["queue"] }'
    with Sidecar(config(provider, tmp_path / "state", more)) as sidecar:

        def cap(size: int) -> None:
            hard = resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE, (size, hard))

        yield Caller(sidecar), cap


def test_a_disk_that_takes_no_more(
    provider: FakeProvider, limited: tuple[Caller, Callable[[int], None]]
) -> None:
    """503 in words and nothing promised; live calls go on, and so do jobs when there is room again."""
    app, cap = limited
    kept = app.enqueue("/acme/x", b"before")
    app.job(kept, wait=5)
    cap(1000)
    refusals = [app("POST", "/acme/x", b"full" * size, ASYNC) for size in (1, 1, 30_000)]
    live = app("GET", "/acme/live")
    cap(resource.RLIM_INFINITY)
    location = app.enqueue("/acme/x", b"after")

    assert [answer.status for answer in refusals] == [503, 503, 503]
    assert all("jobs cannot be kept for now" in answer.json["detail"] for answer in refusals)
    assert all(answer.headers["Retry-After"] for answer in refusals)
    assert live.status == 200
    assert app.job(location, wait=10)["state"] == "done"
    assert {request.body for request in provider.requests} == {b"before", b"", b"after"}


def test_what_cannot_be_queued_is_passed_on(
    provider: FakeProvider, limited: tuple[Caller, Callable[[int], None]]
) -> None:
    """`queue` in the table, and a disk that takes no more: the app gets the provider's answer."""
    app, cap = limited
    app.job(app.enqueue("/acme/x"), wait=5)
    cap(1000)
    provider.reply(429, b"slow down")
    answer = app("POST", "/acme/x")
    cap(resource.RLIM_INFINITY)

    assert (answer.status, answer.body) == (429, b"slow down")
    app.sidecar.until_said("a call is not queued: jobs cannot be kept for now")


def test_a_delivery_that_cannot_be_written_down_is_not_repeated(
    provider: FakeProvider, limited: tuple[Caller, Callable[[int], None]]
) -> None:
    """Its outcome waits in memory until the disk takes it."""
    app, cap = limited
    provider.raw(Step.WAIT, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    location = app.enqueue("/acme/x")
    provider.until(lambda: len(provider.requests) == 1)
    cap(1000)
    provider.release()
    app.sidecar.until_said("disk")
    time.sleep(0.5)
    cap(resource.RLIM_INFINITY)

    assert app.job(location, wait=10)["state"] == "done"
    assert len(provider.requests) == 1


def test_a_directory_that_cannot_be_made(provider: FakeProvider, tmp_path: Path) -> None:
    """The start says so and goes on; jobs are a 503 until it can be made."""
    (tmp_path / "file").write_text("in the way")
    with Sidecar(config(provider, tmp_path / "file/state")) as sidecar:
        app = Caller(sidecar)
        refusal, live = app("POST", "/acme/x", b"", ASYNC), app("GET", "/acme/x")
        os.unlink(tmp_path / "file")
        location = app.enqueue("/acme/x")
        state = app.job(location, wait=5)["state"]

        sidecar.until_said("cannot be used: file exists")
    assert (refusal.status, live.status, state) == (503, 200, "done")


def test_jobs_of_a_removed_integration_are_parked(provider: FakeProvider, tmp_path: Path) -> None:
    """It is said; they stay, also over a restart, and are delivered when it is back."""
    state = tmp_path / "state"
    other = f'[integrations.other]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
    with Sidecar(config(provider, state, other)) as sidecar:
        app = Caller(sidecar)
        location = app.enqueue("/other/x", b"parked", {"Outrider-Not-Before": "1s"})
        sidecar.write(config(provider, state))
        sidecar.until_said("1 jobs of integration 'other' are parked")
        assert app.job(location)["state"] == "parked"
    with Sidecar(config(provider, state)) as sidecar:
        app = Caller(sidecar)
        sidecar.until_said("1 jobs of integration 'other' are parked")
        time.sleep(1.0)
        parked, jobs = app.job(location), sidecar.metric("outrider_jobs", integration="other", state="parked")
        sidecar.write(config(provider, state, other))
        job = app.job(location, wait=10)

    assert (parked["state"], jobs, job["state"]) == ("parked", 1.0, "done")
    assert [request.body for request in provider.requests] == [b"parked"]


def test_a_job_whose_body_is_gone(provider: FakeProvider, tmp_path: Path) -> None:
    """It fails at once, with the file's name, and is no failure of the provider's: the others go on."""
    state = tmp_path / "state"
    with Sidecar(config(provider, state, "breaker = { failures = 1 }")) as sidecar:
        app = Caller(sidecar)
        provider.raw(Step.WAIT, b"HTTP/1.1 204 No Content\r\n\r\n")
        line = {"Outrider-Queue-Key": "line"}
        app.enqueue("/acme/x", b"first", line)
        lost = app.enqueue("/acme/x", bytes(100_000), line)
        file = state / "bodies" / lost.rpartition("/")[2]
        file.unlink()
        provider.release()
        job = app.job(lost, wait=10)
        other = app.job(app.enqueue("/acme/x", b"other"), wait=5)

    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert f"its body, {file}, cannot be read" in job["reason"]
    assert other["state"] == "done"


def test_a_reload_ends_a_pause(provider: FakeProvider, tmp_path: Path) -> None:
    """What held the jobs back may be what was changed: they do not wait for the pause to be over."""
    with Sidecar(config(provider, tmp_path / "state", 'limits = [{ rate = "1/h", wait = 0 }]')) as sidecar:
        app = Caller(sidecar)
        app.job(app.enqueue("/acme/x"), wait=5)
        location = app.enqueue("/acme/x")
        until(lambda: "no turn" in paused(sidecar).get("acme", ""))
        sidecar.write(config(provider, tmp_path / "state", 'limits = [{ rate = "100/s" }]'))
        job = app.job(location, wait=15)

    assert job["state"] == "done"


def test_what_ended_well_is_forgotten_after_retain(provider: FakeProvider, tmp_path: Path) -> None:
    """With its files; a dead letter stays."""
    with Sidecar(config(provider, tmp_path / "state")) as sidecar:
        app = Caller(sidecar)
        done = app.enqueue("/acme/x", b"x" * 70_000)
        provider.until(lambda: len(provider.requests) == 1)
        app.job(done, wait=5)
        provider.reply(200, b"y" * 70_000)
        app.job(app.enqueue("/acme/x"), wait=5)
        provider.reply(400, b"z" * 70_000)
        failed = app.enqueue("/acme/x")
        app.job(failed, wait=5)
        until(lambda: app("GET", done).status == 404)
        until(lambda: len(os.listdir(tmp_path / "state/bodies")) == 1)

        assert app.job(failed)["state"] == "failed"


def test_files_without_a_job_are_swept_away(provider: FakeProvider, tmp_path: Path) -> None:
    """A process that was killed before its commit leaves them."""
    state = tmp_path / "state"
    with Sidecar(config(provider, state, WAITING)) as sidecar:
        app = Caller(sidecar)
        location = app.enqueue("/waiting/x", b"x" * 70_000)
    (state / "bodies/0123456789abcdef").write_bytes(b"left over")
    with Sidecar(config(provider, state, WAITING)):
        pass

    assert os.listdir(state / "bodies") == [location.rpartition("/")[2]]
