"""Rotate refresh tokens while the processes that share them are killed at every step, and count what is lost.

    PYTHONPATH=tests python -m end_to_end.rotations [--rotations 1000] [--seed 1] [--processes 3]

The token server is Authlib's, and revokes the whole family when a spent refresh token comes again. Each
process is the real program. It is told at which step of a refresh to end itself with SIGKILL: around every
system call that touches `token_dir`, around the token request, and while that is under way; the steps are
found by recording one refresh. Who lost its refresh token is given another, as a user would.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from end_to_end.oauth_server import Client, Family, OAuthServer
from end_to_end.refresh_steps import BEGIN, END, serve

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
token_dir = "{folder}/tokens"
state_dir = "{folder}/state-{number}"
[integrations.api]
base_url = "{url}"
auth = {{ type = "oauth2", grant = "refresh_token", token_url = "{url}/token", client_id = "me", refresh_token = "file:{folder}/refresh" }}
"""
#: Seconds that an access token lives: short, so that there is much to rotate.
LIFE_S = 0.3
#: Seconds in which a process has started.
START_S = 120.0
#: Seconds in which a new secret in a file is taken.
PICK_UP_S = 15.0
#: What is logged by whoever refreshes after one that was cut off.
REPORT = "a refresh was cut off"


@dataclass
class Result:
    """What came of a run. Whatever is not nought in `failures` is a bug."""

    seed: int
    rotations: int = 0
    seconds: float = 0.0
    deaths: Counter[str] = field(default_factory=Counter)
    window: frozenset[str] = frozenset()
    lost: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        inside = sum(count for step, count in self.deaths.items() if step in self.window)
        lines = [
            f"seed {self.seed}: {self.rotations} rotations in {self.seconds:.0f} s",
            f"{self.deaths.total()} kills at {len(self.deaths)} steps, {inside} of them in the window",
            f"refresh tokens lost in the window, each of them reported: {self.lost}",
            f"calls: {self.calls['200']} answered, {self.calls['died']} ended with their process, "
            f"{self.calls['refused']} refused until another refresh token was given",
            "what must be nought: " + ", ".join(f"{name} {self.failures[name]}" for name in FAILURES),
        ]
        return "\n".join(lines)


FAILURES = ("lost outside of the window", "lost and not reported", "refused for no reason", "ended otherwise")


class Run:
    """A number of processes on one `token_dir`, each with a caller that starts it again when it dies."""

    def __init__(self, rotations: int, seed: int, processes: int) -> None:
        self.result = Result(seed)
        self._wanted = rotations
        self._processes = processes
        self._random = random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            [
                "outrider.app",
                "outrider.cli",
                "outrider_plugins.auth.oauth2",
                "botocore.session",
                serve.__module__,
            ]
        )
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._number = 0
        self._family = Family()
        self._given_at = 0.0
        self._reports = 0
        self._plan: list[str] = []
        self._killed_in_window = 0

    def go(self) -> Result:
        """Run, and give what came of it."""
        client = Client("me", auth="none", grants=("refresh_token",))
        started = time.monotonic()
        with (
            tempfile.TemporaryDirectory() as folder,
            OAuthServer(client, expires_in=LIFE_S, leeway_s=60) as server,
        ):
            self._folder, self._server = Path(folder), server
            self._give()
            steps = self._steps()
            first, last = steps.index(BEGIN), steps.index(END)
            self.result.window = frozenset(steps[first + 1 : last + 1])
            self._all = sorted(set(steps))
            before = server.counts["/token 200"]
            callers = [threading.Thread(target=self._call) for _ in range(self._processes)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
            self.result.rotations = server.counts["/token 200"] - before
        self.result.seconds = time.monotonic() - started
        return self.result

    def _steps(self) -> list[str]:
        """Record the steps of one refresh."""
        record = self._folder / "steps"
        process, port, _ = self._start("", 0, record)
        assert _ask(port) == "200"
        self._end(process)
        return record.read_text().splitlines()

    def _start(self, fatal: str, times: int, record: Path | None = None) -> tuple[BaseProcess, int, int]:
        with self._lock:
            self._number += 1
            number = self._number
        text = CONFIG.format(folder=self._folder, url=self._server.url, number=number)
        (self._folder / f"{number}.toml").write_text(text)
        process = self._context.Process(target=serve, args=(str(self._folder), number, fatal, times, record))
        with self._looking:
            process.start()
        out, until = self._folder / f"{number}.out", time.monotonic() + START_S
        while not out.exists() or out.read_text().count("listening") < 2:
            code = self._exit_code(process)
            if time.monotonic() > until or code is not None:
                said = "".join(file.read_text() for file in self._folder.glob(f"{number}.*"))
                raise AssertionError(f"it did not start, exit code {code}: {said}")
            time.sleep(0.01)
        return process, int(out.read_text().splitlines()[0].rpartition(":")[2]), number

    def _exit_code(self, process: BaseProcess) -> int | None:
        """Look whether a process has ended. One thread at a time: the code can be read once."""
        with self._looking:
            return process.exitcode

    def _await_end(self, process: BaseProcess) -> int | None:
        """Wait until a process has ended; None for one that lives, and did not answer."""
        until = time.monotonic() + PICK_UP_S
        while (code := self._exit_code(process)) is None and time.monotonic() < until:
            time.sleep(0.005)
        return code

    def _end(self, process: BaseProcess) -> None:
        process.kill()
        self._await_end(process)

    def _next(self) -> tuple[str, int]:
        """Choose where the next process dies: every step in turn, in an order of chance."""
        with self._lock:
            if not self._plan:
                self._plan = self._all.copy()
                self._random.shuffle(self._plan)
            return self._plan.pop(), self._random.randint(1, 4)

    def _call(self) -> None:
        """Call through one process after the other until there were rotations enough."""
        while self._server.counts["/token 200"] <= self._wanted:
            step, times = self._next()
            process, port, number = self._start(step, times)
            while self._server.counts["/token 200"] <= self._wanted:
                said = _ask(port)
                with self._lock:
                    self.result.calls[said if said in ("200", "died") else "refused"] += 1
                if said == "died":
                    self._died(step, self._await_end(process), number)
                    break
                if said != "200":
                    self._refused(port)
                time.sleep(0.01)
            self._end(process)

    def _died(self, step: str, code: int | None, number: int) -> None:
        with self._lock:
            if code != -signal.SIGKILL:
                self.result.failures["ended otherwise"] += 1
                print(step, code, (self._folder / f"{number}.err").read_text()[-2000:], file=sys.stderr)
            self.result.deaths[step] += 1
            self._killed_in_window += step in self.result.window

    def _refused(self, port: int) -> None:
        """Give another refresh token where the family is gone, and wait until it is taken.

        It may be seen to be gone before the caller of the process that died says so.
        """
        until = time.monotonic() + PICK_UP_S
        while _ask(port) not in ("200", "died"):
            with self._lock:
                self.result.calls["refused"] += 1
                patience_s = until - PICK_UP_S + 5 - time.monotonic()
                if self._family.revoked and (self._killed_in_window or patience_s < 0):
                    self._lost()
                    self._give()
                    until = time.monotonic() + PICK_UP_S
                elif time.monotonic() > max(until, self._given_at + PICK_UP_S):
                    self.result.failures["refused for no reason"] += 1
                    return
            time.sleep(0.02)

    def _lost(self) -> None:
        reports = sum(file.read_text().count(REPORT) for file in self._folder.glob("*.err"))
        self.result.lost += 1
        if not self._killed_in_window:
            self.result.failures["lost outside of the window"] += 1
        if reports == self._reports:
            self.result.failures["lost and not reported"] += 1
        self._reports, self._killed_in_window = reports, 0

    def _give(self) -> None:
        new = self._folder / "refresh.new"
        token = self._server.give("me")
        self._family = next(each.family for each in self._server.issued if each.refresh_token == token)
        self._given_at = time.monotonic()
        new.write_text(token)
        new.chmod(0o600)
        new.replace(self._folder / "refresh")


def _ask(port: int) -> str:
    """One call: its status, or `died` where the process did."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/api/api/x")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return str(answer.status)
    connection.close()
    return "died"


def main() -> int:
    """Run as the command line says, and print the figures."""
    parser = argparse.ArgumentParser(description="rotate refresh tokens while processes are killed")
    parser.add_argument("--rotations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--processes", type=int, default=3)
    given = parser.parse_args()
    result = Run(given.rotations, given.seed, given.processes).go()
    print(result)
    print(json.dumps(dict(sorted(result.deaths.items()))))
    return 1 if result.failures.total() else 0


if __name__ == "__main__":
    sys.exit(main())
