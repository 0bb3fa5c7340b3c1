"""Kill Outrider at random moments while it takes and delivers jobs, and count what is lost.

    python -m bench.crash_jobs --kills 1000 [--seed 7]

Four writers enqueue over real sockets; the provider fails a third of the time, with a 503 or by breaking
off. `kill -9` comes at a random moment: mostly while jobs are taken and delivered, sometimes at the start.
At the end the last process delivers what is left. Then must hold:

- each job that was acknowledged (202) was delivered, well;
- each body was delivered under one idempotency key, and each key with one body;
- a job that a writer sent again under its own key, because the kill took the answer, is one job;
- `PRAGMA integrity_check` says ok, and the counts that the database keeps are true.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from outrider.testing import FakeProvider, ReceivedRequest, Script, Step, raw, reply

WRITERS = 4
CONFIG = """
[server]
listen = "unix:{folder}/app.sock"
admin = "unix:{folder}/admin.sock"
access_log = false

[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ attempts = 10000, base = "5ms", cap = "50ms", keep = "1h" }}
"""


@dataclass
class Seen:
    """What the provider got."""

    well: Counter[bytes] = field(default_factory=Counter)
    """Deliveries that it answered with 200, by body."""
    keys: defaultdict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    bodies: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    requests: int = 0
    failed: int = 0


@dataclass
class Result:
    """The figures of one run."""

    seed: int
    kills: int = 0
    in_start: int = 0
    acknowledged: int = 0
    resent: int = 0
    requests: int = 0
    failed: int = 0
    repeated: int = 0
    lost: int = 0
    other_key: int = 0
    other_bytes: int = 0
    whole: str = ""
    counts_true: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether all held."""
        return (
            not (self.lost or self.other_key or self.other_bytes) and self.whole == "ok" and self.counts_true
        )


class Writers:
    """Four applications that go on, whatever happens to Outrider."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self._path = f"{folder}/app.sock"
        self._stop = threading.Event()
        self.acknowledged: set[bytes] = set()
        self.resent = 0
        self._threads = [
            threading.Thread(target=self._write, args=(number, dice.random())) for number in range(WRITERS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int, seed: float) -> None:
        dice = random.Random(seed)
        connection: http.client.HTTPConnection | None = None
        count = 0
        while not self._stop.is_set():
            count += 1
            body = b"%d-%d " % (number, count)
            if dice.random() < 0.01:
                body += b"x" * 100_000  # in a file of its own
            headers = {"Prefer": "respond-async"}
            keyed = dice.random() < 0.5
            if keyed:
                headers["Idempotency-Key"] = f"writer-{number}-{count}"
            tries = 0
            while not self._stop.is_set():
                tries += 1
                try:
                    if connection is None:
                        connection = _connect(self._path)
                    connection.request("POST", "/acme/things", body, headers)
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(0.01)
                    if keyed:
                        continue  # the same key again: at most one job comes of it
                    break
                if response.status == 202:
                    self.acknowledged.add(body)
                    self.resent += tries > 1
                break
        if connection is not None:
            connection.close()


def _connect(path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    try:
        connection.sock.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def run(kills: int, seed: int, *, told: bool = True) -> Result:
    """Kill so often, and give what came of it."""
    began = time.monotonic()
    dice = random.Random(seed)
    seen, result = Seen(), Result(seed)

    def provide(request: ReceivedRequest) -> Script:
        provider.requests.clear()
        if not request.complete:  # the kill cut it off: no provider acts on half a request
            return raw(Step.CLOSE)
        key = request.values("Idempotency-Key")[0]
        seen.requests += 1
        seen.keys[request.body].add(key)
        seen.bodies[key].add(request.body)
        if dice.random() < 1 / 3:
            seen.failed += 1
            return reply(503) if dice.random() < 0.5 else raw(Step.CLOSE)
        seen.well[request.body] += 1
        return reply(200, b"done")

    folder = Path(tempfile.mkdtemp(prefix="outrider-crash-"))
    with FakeProvider(provide) as provider:
        (folder / "config.toml").write_text(CONFIG.format(folder=folder, url=provider.url))
        writers = Writers(folder, dice)
        writers.start()
        try:
            for number in range(1, kills + 1):
                early = dice.random() < 0.15
                forked = number % 10 > 0
                process = Process(folder, forked=forked)
                if not early:
                    process.accepts()
                time.sleep(dice.uniform(0.0, 0.3 if forked or not early else 1.0))
                process.end(signal.SIGKILL)
                result.kills += 1
                result.in_start += early
                if told and number % 50 == 0:
                    print(
                        f"{number} kills, {len(writers.acknowledged)} acknowledged",
                        file=sys.stderr,
                        flush=True,
                    )
        finally:
            writers.stop()
        last = Process(folder, forked=False)
        try:
            patience = time.monotonic() + 60 + len(writers.acknowledged) / 100
            while time.monotonic() < patience and not writers.acknowledged <= seen.well.keys():
                time.sleep(0.2)
        finally:
            last.end(signal.SIGTERM)
    result.acknowledged, result.resent = len(writers.acknowledged), writers.resent
    result.requests, result.failed = seen.requests, seen.failed
    result.repeated = sum(n - 1 for n in seen.well.values())
    result.lost = len(writers.acknowledged - seen.well.keys())
    result.other_key = sum(len(keys) > 1 for keys in seen.keys.values())
    result.other_bytes = sum(len(bodies) > 1 for bodies in seen.bodies.values())
    result.whole, result.counts_true = examine(folder / ".outrider/jobs.db")
    result.seconds = time.monotonic() - began
    if result.ok:
        shutil.rmtree(folder)
    else:
        print(f"what is left is in {folder}", file=sys.stderr)
        tell_unfinished(folder / ".outrider/jobs.db")
    return result


def tell_unfinished(path: Path) -> None:
    """Say what the database knows of the jobs that are not done."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for row in connection.execute(
            "SELECT seq, id, state, attempts, reason, due, body IS NULL, size FROM jobs LEFT JOIN requests "
            "USING (seq) WHERE state <> 'done' LIMIT 20"
        ):
            print(*row, file=sys.stderr)
    finally:
        connection.close()


class Process:
    """One `outrider run`: most are forked from a process that has imported it, which saves a second each."""

    def __init__(self, folder: Path, *, forked: bool) -> None:
        self._folder = folder
        if forked:
            self._forked = _FORKS.Process(target=_serve, args=(str(folder),), daemon=True)
            self._forked.start()
            self._pid = self._forked.pid
            self._spawned = None
        else:
            command = [sys.executable, "-m", "outrider", "run", "--config", str(folder / "config.toml")]
            with (folder / "log").open("ab") as log:
                self._spawned = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=log)
            self._pid = self._spawned.pid

    def accepts(self) -> None:
        """Return once it takes calls."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                _connect(f"{self._folder}/app.sock").close()
            except OSError:
                time.sleep(0.002)
            else:
                return
        raise SystemExit((self._folder / "log").read_text()[-2000:])

    def end(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for its end."""
        assert self._pid is not None
        os.kill(self._pid, number)
        if self._spawned is not None:
            self._spawned.wait()
        else:
            self._forked.join()


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["outrider.cli", "outrider.app", "outrider_plugins.jobs"])


def _serve(folder: str) -> None:
    """Be `outrider run`, in a forked process."""
    from outrider.cli import main as outrider

    os.chdir(folder)
    with open(f"{folder}/log", "ab") as log, open(os.devnull, "wb") as nothing:
        os.dup2(log.fileno(), 2)
        os.dup2(nothing.fileno(), 1)
    sys.argv = ["outrider", "run", "--config", f"{folder}/config.toml"]
    outrider()


def examine(path: Path) -> tuple[str, bool]:
    """Give what SQLite says of the file, and whether the counts in it are true."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        kept = set(connection.execute("SELECT * FROM counts WHERE n > 0"))
        counted = set(
            connection.execute("SELECT integration, state, count(*) FROM jobs GROUP BY integration, state")
        )
    finally:
        connection.close()
    return str(whole), kept == counted


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill Outrider at random moments and count lost jobs.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = parser.parse_args()
    result = run(given.kills, given.seed)
    for name, value in vars(result).items():
        print(f"{name:13} {value:.1f}" if isinstance(value, float) else f"{name:13} {value}")
    sys.exit(0 if result.ok else 1)


if __name__ == "__main__":
    main()
