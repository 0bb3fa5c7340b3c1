"""wrk: as many requests as one core can send, over connections that stay open."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import machine, wire
from bench.peers.base import find
from bench.processes import guarded

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 64
BODY_BYTES = 1024


class LoadError(Exception):
    """wrk is missing, or ended without a result."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk did."""

    requests: int
    seconds: float
    refused: int
    """Responses with a status of 400 and above; the others were 2xx, as the check before the run saw."""
    broken: int
    """Connections that could not be opened, read or written."""
    timeouts: int

    @property
    def failures(self) -> int:
        """Count what went wrong."""
        return self.refused + self.broken + self.timeouts

    @property
    def trouble(self) -> str:
        """Say what went wrong; empty when every response was good."""
        counts = {"refused": self.refused, "broken connections": self.broken, "timeouts": self.timeouts}
        found = [f"{count} {name}" for name, count in counts.items() if count]
        if not self.requests:
            found.insert(0, "no request was answered")
        return ", ".join(found)


def missing() -> str | None:
    """Say what is not installed, or return None."""
    return None if find("wrk") else "wrk is not installed; apt-get install wrk"


def parse(text: str) -> Load:
    """Read the line of JSON that load.lua prints."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return Load(**json.loads(line))
    raise LoadError(f"wrk gave no result: {text.strip()[-200:]}")


def run(port: int, seconds: int, method: str = "GET") -> Load:
    """Load `/bench/v1/charges` for some seconds from the load's core."""
    command = [find("wrk") or "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
    environ = {"BENCH_METHOD": method, "BENCH_BODY": wire.json_body(BODY_BYTES).decode()}
    with machine.on_core(machine.LOAD_CORE):
        done = subprocess.run(
            guarded([*command, "-s", str(SCRIPT), f"http://127.0.0.1:{port}/bench/v1/charges"]),
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + 30,
            check=False,
        )
    return parse(done.stdout + done.stderr)
