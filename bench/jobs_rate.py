"""How fast jobs are taken, and how a large backlog starts.

    python -m bench.jobs_rate enqueue [--seconds 10] [--connections 64]    # as fast as it goes
    python -m bench.jobs_rate latency [--rate 500] [--seconds 10]          # open loop, timed from when due
    python -m bench.jobs_rate backlog [--jobs 1000000]                     # start with so many jobs

Every 202 is a commit that was synced. The provider is down while jobs are taken, so that nothing else runs;
the load is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from outrider.testing import FakeProvider

REQUEST = (
    b"POST /acme/v1/charges HTTP/1.1\r\nHost: localhost\r\nPrefer: respond-async\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024
)
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
admin = "unix:{folder}/admin.sock"
access_log = false

[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "1h", cap = "1h", keep = "30d", concurrency = 16 }}
"""


@contextlib.contextmanager
def outrider(folder: Path, port: int, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Outrider while the block lasts."""
    (folder / "config.toml").write_text(CONFIG.format(folder=folder, port=port, url=url))
    process = subprocess.Popen(
        [sys.executable, "-m", "outrider", "run", "--config", str(folder / "config.toml")],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def free_port() -> int:
    """Give a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Enqueue one job."""
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 202"):
        raise SystemExit(head.decode())
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def fast(port: int, seconds: float, connections: int) -> dict[str, float]:
    """Enqueue on every connection, one after the other."""
    count, until = 0, time.monotonic() + seconds

    async def one() -> None:
        nonlocal count
        pair = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < until:
            await ask(*pair)
            count += 1
        pair[1].close()

    began = time.monotonic()
    await asyncio.gather(*(one() for _ in range(connections)))
    return {"jobs_per_s": round(count / (time.monotonic() - began))}


async def steady(port: int, rate: float, seconds: float, connections: int) -> dict[str, float]:
    """Enqueue at a rate, and time each from when it was due."""
    took: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def one(due: float) -> None:
        pair = await free.get()
        await ask(*pair)
        free.put_nowait(pair)
        took.append(time.monotonic() - due)

    began, tasks = time.monotonic(), []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait_s := due - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        tasks.append(asyncio.create_task(one(due)))  # noqa: TID251 - a script of its own
    await asyncio.gather(*tasks)
    took.sort()
    return {f"p{share}_ms": round(took[int(len(took) * share / 100)] * 1e3, 1) for share in (50, 90, 99)}


def load(kind: str, port: int, given: argparse.Namespace) -> dict[str, float]:
    """Run the load in a process of its own."""
    command = [sys.executable, __file__, f"load-{kind}", "--port", str(port)]
    for name in ("rate", "seconds", "connections"):
        command += [f"--{name}", str(getattr(given, name))]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return told


def measure(kind: str, given: argparse.Namespace) -> dict[str, float]:
    """Take jobs for a provider that is down."""
    folder, port = Path(tempfile.mkdtemp(prefix="outrider-rate-")), free_port()
    try:
        with outrider(folder, port, "http://127.0.0.1:9") as process:
            asyncio.run(fast(port, 0.5, 4))  # the database is made
            before = cpu_s(process.pid)
            told = load(kind, port, given)
            told["outrider_cpu_s"] = round(cpu_s(process.pid) - before, 2)
            return told
    finally:
        shutil.rmtree(folder)


def backlog(jobs: int) -> dict[str, float]:
    """Start with a large backlog, and see when the first is delivered and what it takes."""
    folder, port = Path(tempfile.mkdtemp(prefix="outrider-backlog-")), free_port()
    try:
        with outrider(folder, port, "http://127.0.0.1:9"):
            asyncio.run(fast(port, 0.2, 1))
        multiply(folder / ".outrider/jobs.db", jobs)
        with FakeProvider() as provider:
            began = time.monotonic()
            with outrider(folder, port, provider.url) as process:
                accepts = time.monotonic() - began
                provider.until(lambda: bool(provider.requests), timeout_s=60)
                first = time.monotonic() - began
                time.sleep(10)
                delivered, peak = len(provider.requests), peak_mib(process.pid)
        size = (folder / ".outrider/jobs.db").stat().st_size
        return {
            "accepts_s": round(accepts, 2),
            "first_delivery_s": round(first, 2),
            "delivered_in_10_s": delivered,
            "peak_rss_mib": round(peak, 1),
            "file_mib": round(size / 2**20),
        }
    finally:
        shutil.rmtree(folder)


def multiply(path: Path, jobs: int) -> None:
    """Make so many jobs of the first, due now: through HTTP it would take ten minutes."""
    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)") if row[1] not in ("seq", "id")]
    (first,) = connection.execute("SELECT min(seq) FROM jobs").fetchone()
    connection.execute("DELETE FROM jobs WHERE seq <> ?", (first,))
    connection.execute("DELETE FROM requests WHERE seq <> ?", (first,))
    connection.execute("DELETE FROM attempts")
    connection.execute("UPDATE jobs SET due = ?, attempts = 0, failures = 0", (time.time(),))
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    named = ", ".join(columns)
    connection.execute(
        f"{numbers} INSERT INTO jobs (id, {named}) SELECT lower(hex(randomblob(16))), {named} FROM n, jobs "
        "WHERE jobs.seq = ?",
        (jobs - 1, first),
    )
    connection.execute(
        "INSERT INTO requests SELECT jobs.seq, base, fields, body, size FROM jobs, requests "
        "WHERE requests.seq = ? AND jobs.seq <> requests.seq",
        (first,),
    )
    connection.commit()
    connection.close()


def cpu_s(pid: int) -> float:
    """Give the CPU time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """Give the most memory that a process has had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmHWM")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how jobs are taken, and a backlog.")
    parser.add_argument("what", choices=("enqueue", "latency", "backlog", "load-enqueue", "load-latency"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    given = parser.parse_args()
    match given.what:
        case "backlog":
            told = backlog(given.jobs)
        case "load-enqueue":
            told = asyncio.run(fast(given.port, given.seconds, given.connections))
        case "load-latency":
            told = asyncio.run(steady(given.port, given.rate, given.seconds, given.connections))
        case kind:
            told = measure(kind, given)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
