"""What 10,000 idle connections of apps cost: memory, CPU at rest, and CPU for the requests of others."""

from __future__ import annotations

import socket
import time

from bench import load, machine, upstreams, wire
from bench.fleet import Options, PeerError, Proxy, say, serving
from bench.report import Table

CONNECTIONS = 10_000
REST_S = 2.0
COLUMNS = ("", "idle MB", "MB with", "KB each", "CPU µs", "CPU µs with", "ratio", "% at rest", "still open")
# Of each peer's open files: its side of the load, twice, and what it keeps for itself.
SPARE_FILES = 1000


def measure(options: Options) -> list[Table]:
    """Run each peer alone: without the idle connections, then with them."""
    seconds = 1 if options.quick else options.seconds
    wanted = min(CONNECTIONS, machine.raise_file_limit() - SPARE_FILES)
    table = Table(
        "idle",
        f"{wanted:,} idle connections",
        f"each after one request; CPU for each GET on {load.CONNECTIONS} others, without them and with them; "
        f"{seconds} s",
        COLUMNS,
    )
    if wanted < CONNECTIONS:
        table.notes.append(
            f"the limit of open files allows {wanted:,}; ulimit -Hn {CONNECTIONS + SPARE_FILES}"
        )
    with upstreams.serve_fixed(options.folder, options.ports) as port:
        for peer in options.peers:
            say(f"idle: {peer.name}")
            try:
                with serving(peer, port, options, connections=wanted + load.CONNECTIONS) as proxy:
                    _run(proxy, wanted, seconds, table)
            except (PeerError, wire.WireError, load.LoadError, OSError) as exc:
                table.notes.append(f"{peer.name}: {exc}")
    table.rows = [_row(name, table) for name in table.data]
    return [table]


def _run(proxy: Proxy, count: int, seconds: int, table: Table) -> None:
    proxy.verify()
    load.run(proxy.port, 1)
    seen = {"wanted": float(count)}
    seen["alone_us"] = _cost(proxy, seconds, table)
    seen["before_mb"] = machine.rss_mb(proxy.pid)
    idle: list[socket.socket] = []
    try:
        message = wire.request("GET", "/bench/v1/charges", proxy.port)
        for _ in range(count):
            sock = wire.connect(proxy.port)
            idle.append(sock)
            status, _body = wire.exchange(sock, message)
            if status != 200:
                raise wire.WireError(f"answers {status} with {len(idle):,} connections open")
        seen["with_mb"] = machine.rss_mb(proxy.pid)
        before = proxy.cpu_ns()
        time.sleep(REST_S)
        seen["rest_percent"] = (proxy.cpu_ns() - before) / 1e7 / REST_S
        seen["crowded_us"] = _cost(proxy, seconds, table)
        seen["open"] = float(sum(_is_open(sock) for sock in idle))
    finally:
        for sock in idle:
            sock.close()
    for metric, value in seen.items():
        table.add(proxy.name, metric, value)


def _cost(proxy: Proxy, seconds: int, table: Table) -> float:
    """Give the CPU µs for each GET."""
    before = proxy.cpu_ns()
    done = load.run(proxy.port, seconds)
    used = proxy.cpu_ns() - before
    if done.trouble:
        table.notes.append(f"{proxy.name}: {done.trouble}, of {done.requests:,} requests")
    return used / 1000 / max(done.requests, 1)


def _is_open(sock: socket.socket) -> bool:
    """Tell whether the peer has left a connection open and silent."""
    sock.setblocking(False)
    try:
        sock.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _row(name: str, table: Table) -> list[str]:
    def value(metric: str) -> float:
        return table.values(name, metric)[0]

    return [
        name,
        f"{value('before_mb'):.1f}",
        f"{value('with_mb'):.1f}",
        f"{(value('with_mb') - value('before_mb')) * 1000 / value('wanted'):.1f}",
        f"{value('alone_us'):.1f}",
        f"{value('crowded_us'):.1f}",
        f"{value('crowded_us') / value('alone_us'):.2f}",
        f"{value('rest_percent'):.1f}",
        f"{value('open'):,.0f}",
    ]
