"""Memory at rest, and what one long body adds to it, down and up, past a reader that stalls at first."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import machine, upstreams, wire
from bench.fleet import Options, PeerError, Proxy, say, serving
from bench.report import Table, median
from bench.upstreams.streams import PIECE

COLUMNS = ("", "idle MB", "× Envoy", "+ down MB", "+ up MB", "down MB/s", "up MB/s")
BODY_BYTES = 1_000_000_000
BODY_BYTES_QUICK = 250_000_000
REST_S = 3.0
REST_QUICK_S = 1.5
STALL_S = 1.0


def measure(options: Options) -> list[Table]:
    """Run each peer alone: leave it at rest, then send one body each way through it."""
    count, rest_s = (BODY_BYTES_QUICK, REST_QUICK_S) if options.quick else (BODY_BYTES, REST_S)
    table = Table(
        "memory",
        "Memory",
        f"at rest: {rest_s:.0f} s after the start, without a request; "
        f"+: what one body of {count // 10**6:,} MB adds at its peak, "
        f"its receiver stalling for the first {STALL_S:.0f} s",
        COLUMNS,
    )
    with upstreams.serve_streams(options.folder, options.ports) as port:
        for peer in options.peers:
            say(f"memory: {peer.name}")
            try:
                with serving(peer, port, options) as proxy:
                    _run(proxy, rest_s, count, table)
            except (PeerError, wire.WireError, OSError) as exc:
                table.notes.append(f"{peer.name}: {exc}")
    for name in table.data:
        ratios = table.ratios(name, "idle_mb")
        cells = [("idle_mb", 1), ("down_growth_mb", 1), ("up_growth_mb", 1), ("down_mb_s", 0), ("up_mb_s", 0)]
        idle, *others = [median(table.values(name, metric), digits) for metric, digits in cells]
        table.rows.append([name, idle, median(ratios, 2), *others])
    return [table]


def _run(proxy: Proxy, rest_s: float, count: int, table: Table) -> None:
    time.sleep(rest_s)
    idle = machine.rss_mb(proxy.pid)
    proxy.verify()
    table.add(proxy.name, "idle_mb", idle)
    ways: dict[str, Callable[[int, int], float]] = {"down": download, "up": upload}
    for way, carry in ways.items():
        machine.forget_peak(proxy.pid)
        seconds = carry(proxy.port, count)
        table.add(proxy.name, f"{way}_growth_mb", machine.peak_mb(proxy.pid) - idle)
        table.add(proxy.name, f"{way}_mb_s", count / 1e6 / seconds)


def download(port: int, count: int) -> float:
    """Read one long response, after a stall; returns how many seconds it took after that."""
    with wire.connect(port) as sock:
        sock.sendall(wire.request("GET", f"/bench/bytes?count={count}", port))
        head = wire.read_head(sock)
        if head.status != 200 or int(head.fields.get("content-length", "-1")) != count:
            raise wire.WireError(f"the long response begins with {head.status}, {head.fields}")
        time.sleep(STALL_S)
        started = time.monotonic()
        left = count - len(head.rest)
        buffer = bytearray(1 << 18)
        while left:
            got = sock.recv_into(buffer)
            if not got:
                raise wire.WireError(f"the long response ended {left:,} bytes early")
            left -= got
        return time.monotonic() - started


def upload(port: int, count: int) -> float:
    """Send one long request to an upstream that stalls; returns the seconds it took without that."""
    with wire.connect(port) as sock:
        started = time.monotonic()
        message = wire.request("POST", f"/bench/sink?stall_s={STALL_S}", port, length=count)
        left = count
        sock.sendall(message)
        piece = memoryview(PIECE)
        while left:
            now = min(left, len(piece))
            sock.sendall(piece[:now])
            left -= now
        status, seen = wire.exchange(sock, b"")
        if status != 200 or seen != b"%d" % count:
            raise wire.WireError(f"the long request is answered {status}, {seen[:80]!r}")
        return time.monotonic() - started - STALL_S
