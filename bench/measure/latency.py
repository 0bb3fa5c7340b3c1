"""The time that a proxy adds, at a modest rate that does not wait for answers (open loop)."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from pathlib import Path

from bench import upstreams, wire
from bench.fleet import Options, PeerError, all_serving, say
from bench.report import FAILED, Table, median, percentile

RATE = 500
CONNECTIONS = 32
COLUMNS = ("", "p50 µs", "p99 µs", "added p50", "added p99")
DIRECT = "no proxy"


def measure(options: Options) -> list[Table]:
    """Send at a fixed rate to the upstream itself, then to each peer, round after round."""
    table = Table(
        "latency",
        "Time added to a GET",
        f"1 KiB of JSON, {RATE} requests/s in open loop; {options.rounds} × {options.seconds} s",
        COLUMNS,
    )
    with (
        upstreams.serve_fixed(options.folder, options.ports) as port,
        all_serving(port, options) as (proxies, failed),
    ):
        ways = [(DIRECT, port, "/v1/charges"), *((p.name, p.port, "/bench/v1/charges") for p in proxies)]
        for number in range(options.rounds):
            for name, target, path in ways:
                say(f"latency: round {number + 1} of {options.rounds}, {name}")
                try:
                    times = run(target, path, options.seconds)
                except (PeerError, wire.WireError, OSError) as exc:
                    table.notes.append(f"{name}: {exc}")
                    times = [FAILED]
                table.add(name, "p50_us", percentile(times, 0.5) * 1e6)
                table.add(name, "p99_us", percentile(times, 0.99) * 1e6)
    table.notes += [f"{name} {reason}" for name, reason in failed.items()]
    for name, *_ in ways:
        p50, p99 = table.values(name, "p50_us"), table.values(name, "p99_us")
        row = [name, median(p50, 0), median(p99, 0)]
        for mine, metric in ((p50, "p50_us"), (p99, "p99_us")):
            added = [a - b for a, b in zip(mine, table.values(DIRECT, metric), strict=True)]
            row.append("-" if name == DIRECT else median(added, 0))
        table.rows.append(row)
    return [table]


def run(port: int, path: str, seconds: float) -> list[float]:
    """Send each request when it is due, on a free connection; returns the seconds from when it was due.

    Where no connection is free the request waits, and its wait counts: a stall hides nothing.
    """
    with contextlib.suppress(OSError):
        # Wake up when a request is due, not up to 50 µs later as the kernel likes to.
        Path("/proc/self/timerslack_ns").write_text("1")
    message = wire.request("GET", path, port)
    free = [wire.connect(port) for _ in range(CONNECTIONS)]
    connections = list(free)
    busy: dict[socket.socket, float] = {}
    times: list[float] = []
    try:
        for sock in free:
            wire.exchange(sock, message)
        started = time.monotonic()
        sent, total = 0, int(RATE * seconds)
        while len(times) < total:
            now = time.monotonic()
            if now > started + seconds + wire.TIMEOUT_S:
                raise wire.WireError(f"{total - len(times)} answers did not come")
            due = started + sent / RATE
            if sent < total and now >= due and free:
                sock = free.pop()
                busy[sock] = due
                sent += 1
                sock.sendall(message)
                continue
            # select, and not epoll: its time-out is in µs, not in ms.
            wait = max(0.0, due - now) if sent < total and free else 1.0
            for sock in select.select(list(busy), [], [], wait)[0]:
                _status, _body = wire.exchange(sock, b"")
                times.append(time.monotonic() - busy.pop(sock))
                free.append(sock)
    finally:
        for sock in connections:
            sock.close()
    return times
