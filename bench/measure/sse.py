"""CPU for each Server-Sent Event: several streams, each event in a segment of its own."""

from __future__ import annotations

import re
import selectors
import socket
import time

from bench import upstreams, wire
from bench.fleet import Options, PeerError, Proxy, all_serving, say
from bench.report import FAILED, Table, median, percentile, spread

STREAMS = 16
EVERY_MS = 5
SETTLE_S = 0.5
COLUMNS = ("", "CPU µs", "min–max", "× Envoy", "min–max", "events/s", "p50 ms", "p99 ms")
SENT = re.compile(rb'"t":(\d{20})')


def measure(options: Options) -> list[Table]:
    """Read the peers' streams in turn, round after round, all of them running all the time."""
    rate = STREAMS * 1000 // EVERY_MS
    table = Table(
        "sse",
        "CPU for each Server-Sent Event",
        f"40 bytes each, {STREAMS} streams, {rate:,} events/s in all; "
        f"ms from the upstream's write to our read; {options.rounds} × {options.seconds} s",
        COLUMNS,
    )
    with (
        upstreams.serve_streams(options.folder, options.ports) as port,
        all_serving(port, options) as (proxies, failed),
    ):
        for number in range(options.rounds):
            say(f"sse: round {number + 1} of {options.rounds}, without a proxy")
            delays = _read(port, "/events", options.seconds)[0]
            _add_delays(table, "no proxy", delays, options.seconds)
            for proxy in proxies:
                say(f"sse: round {number + 1} of {options.rounds}, {proxy.name}")
                _run(proxy, options.seconds, table, rate)
    table.notes += [f"{name} {reason}" for name, reason in failed.items()]
    table.rows = [_row(name, table) for name in [*(proxy.name for proxy in proxies), "no proxy"]]
    return [table]


def _run(proxy: Proxy, seconds: float, table: Table, rate: int) -> None:
    try:
        delays, used = _read(proxy.port, "/bench/events", seconds, proxy)
        if len(delays) < 0.8 * rate * seconds:
            table.notes.append(f"{proxy.name}: {len(delays):,} events came of {rate * seconds:,.0f}")
        table.add(proxy.name, "cpu_us", used / 1000 / max(len(delays), 1))
        _add_delays(table, proxy.name, delays, seconds)
    except (PeerError, wire.WireError, OSError) as exc:
        table.notes.append(f"{proxy.name}: {exc}")
        table.add(proxy.name, "cpu_us", FAILED)


def _read(port: int, path: str, seconds: float, proxy: Proxy | None = None) -> tuple[list[int], int]:
    """Read all streams for some seconds; returns each event's delay, and the proxy's CPU, in ns."""
    streams: list[socket.socket] = []
    with selectors.DefaultSelector() as selector:
        try:
            for number in range(STREAMS):
                offset = number * EVERY_MS / STREAMS
                sock = wire.connect(port)
                streams.append(sock)
                sock.sendall(wire.request("GET", f"{path}?every_ms={EVERY_MS}&offset_ms={offset}", port))
                if (status := wire.read_head(sock).status) != 200:
                    raise wire.WireError(f"the stream answers {status}")
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
            _collect(selector, SETTLE_S)
            before = proxy.cpu_ns() if proxy else 0
            delays = _collect(selector, seconds)
            return delays, (proxy.cpu_ns() if proxy else 0) - before
        finally:
            for sock in streams:
                sock.close()


def _collect(selector: selectors.BaseSelector, seconds: float) -> list[int]:
    """Read whatever comes; an event that a segment cuts in two is missed, which the 40 bytes make rare."""
    delays: list[int] = []
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            data = key.fileobj.recv(65536)  # type: ignore[union-attr]
            now = time.monotonic_ns()
            if not data:
                raise wire.WireError("a stream ended")
            delays += [now - int(sent) for sent in SENT.findall(data)]
    return delays


def _add_delays(table: Table, name: str, delays: list[int], seconds: float) -> None:
    table.add(name, "per_s", len(delays) / seconds)
    if delays:
        table.add(name, "p50_ms", percentile(delays, 0.5) / 1e6)
        table.add(name, "p99_ms", percentile(delays, 0.99) / 1e6)


def _row(name: str, table: Table) -> list[str]:
    cpu, ratios = table.values(name, "cpu_us"), table.ratios(name, "cpu_us")
    return [
        name,
        median(cpu),
        spread(cpu),
        median(ratios, 2),
        spread(ratios, 2),
        median(table.values(name, "per_s"), 0),
        median(table.values(name, "p50_ms"), 2),
        median(table.values(name, "p99_ms"), 2),
    ]
