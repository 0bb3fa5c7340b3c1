"""CPU for each request: 1 KiB of JSON comes back; for POST, 1 KiB of JSON goes out as well."""

from __future__ import annotations

from bench import load, upstreams, wire
from bench.fleet import Options, PeerError, Proxy, all_serving, say
from bench.report import FAILED, Table, median, spread

METHODS = ("GET", "POST")
COLUMNS = ("", "CPU µs", "min–max", "× Envoy", "min–max", "req/s", "core %")
WARM_S = 1


def measure(options: Options) -> list[Table]:
    """Load the peers in turn, round after round, all of them running all the time."""
    tables = {method: _table(method, options) for method in METHODS}
    with (
        upstreams.serve_fixed(options.folder, options.ports) as port,
        all_serving(port, options) as (proxies, failed),
    ):
        load_in_turn("requests", proxies, failed, options, tables)
    return list(tables.values())


def load_in_turn(
    what: str, proxies: list[Proxy], failed: dict[str, str], options: Options, tables: dict[str, Table]
) -> None:
    """Load proxies that run, method by method and round after round; fills a table for each method."""
    for proxy in list(proxies):
        say(f"{what}: {proxy.name} warms up")
        try:
            _check_bodies(proxy)
            load.run(proxy.port, WARM_S)
        except (PeerError, load.LoadError, wire.WireError) as exc:
            failed[proxy.name] = str(exc)
            proxies.remove(proxy)
    for number in range(options.rounds):
        for method in METHODS:
            for proxy in proxies:
                say(f"{what}: round {number + 1} of {options.rounds}, {method}, {proxy.name}")
                _run(proxy, method, options.seconds, tables[method])
    for table in tables.values():
        table.notes += [f"{name} {reason}" for name, reason in failed.items()]
        for proxy in proxies:
            table.rows.append(_row(proxy.name, table))


def _table(method: str, options: Options) -> Table:
    policies = ", with limits, retries and a breaker" if options.policies else ""
    return Table(
        method.lower(),
        f"CPU for each {method}",
        f"1 KiB of JSON, {load.CONNECTIONS} connections kept alive, bearer auth and metrics on{policies}; "
        f"{options.rounds} × {options.seconds} s",
        COLUMNS,
    )


def _check_bodies(proxy: Proxy) -> None:
    """See that what is measured comes back whole."""
    expected = wire.json_body(upstreams.JSON_BYTES)
    for method in METHODS:
        sent = wire.json_body(load.BODY_BYTES) if method == "POST" else b""
        status, body = wire.fetch(proxy.port, "/bench/v1/charges", method, sent)
        if (status, body) != (200, expected):
            raise PeerError(
                f"answers a {method} with {status} and {len(body)} bytes, not 200 and {len(expected)}"
            )


def _run(proxy: Proxy, method: str, seconds: int, table: Table) -> None:
    try:
        before = proxy.cpu_ns()
        done = load.run(proxy.port, seconds, method)
        used = proxy.cpu_ns() - before
    except (PeerError, load.LoadError) as exc:
        table.notes.append(f"{proxy.name} {exc}")
        table.add(proxy.name, "cpu_us", FAILED)
        return
    table.add(proxy.name, "failures", done.failures)
    if done.trouble:
        table.notes.append(f"{proxy.name}: {done.trouble}, of {done.requests:,} requests")
    table.add(proxy.name, "cpu_us", used / 1000 / done.requests if done.requests else FAILED)
    table.add(proxy.name, "per_s", done.requests / done.seconds)
    table.add(proxy.name, "core_percent", used / 1e7 / done.seconds)


def _row(name: str, table: Table) -> list[str]:
    cpu = table.values(name, "cpu_us")
    beside = [
        table.ratios(name, "cpu_us", to=to) for to in ("core", "envoy") if f"× {to.title()}" in table.columns
    ]
    return [
        name,
        median(cpu),
        spread(cpu),
        *(shown for ratios in beside for shown in (median(ratios, 2), spread(ratios, 2))),
        median(table.values(name, "per_s"), 0),
        median(table.values(name, "core_percent"), 0),
    ]
