"""Measure Outrider beside its peers and print a table for each measurement: `make bench`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

# As a script we get bench/ as the first place to import from, and its modules would hide others.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import load, machine, processes, verdict  # noqa: E402
from bench.fleet import Options  # noqa: E402
from bench.measure import MEASUREMENTS  # noqa: E402
from bench.peers import PEERS, Peer  # noqa: E402
from bench.report import Table  # noqa: E402

QUICK_LACKS = {"latency", "policies"}
NEED_WRK = {"requests", "policies", "idle"}
QUICK = {"sse": ("outrider", "envoy"), "memory": ("outrider", "envoy"), "idle": ("outrider",)}
"""Whom a quick run asks where each peer takes long, unless --proxies says."""


def names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Make the type of an option that takes some of `known`, with commas between."""

    def parse(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",") if name.strip()]
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return parse


def positive(text: str) -> int:
    """Read a whole number from 1."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one short round of all but latency and policies, under 60 s"
    )
    parser.add_argument("--only", type=names(MEASUREMENTS), metavar="A,B", help=", ".join(MEASUREMENTS))
    parser.add_argument("--proxies", type=names(PEERS), metavar="A,B", help=", ".join(PEERS))
    parser.add_argument("--rounds", type=positive, metavar="N", help="rounds over all proxies (3; quick: 1)")
    parser.add_argument("--seconds", type=positive, metavar="S", help="how long each run takes (4; quick: 2)")
    parser.add_argument(
        "--policies", action="store_true", help="limits, retries and a breaker on, in every proxy"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value of every round there")
    parser.add_argument("--check", action="store_true", help="exit 1 when Outrider is outside the bounds")
    args = parser.parse_args(argv)
    args.only = args.only or [name for name in MEASUREMENTS if not (args.quick and name in QUICK_LACKS)]
    args.rounds = args.rounds or (1 if args.quick else 3)
    args.seconds = args.seconds or (2 if args.quick else 4)
    return args


def installed(chosen: list[str]) -> list[Peer]:
    """Name each chosen peer's version, or say what is missing; returns those that are there."""
    found = []
    for name in chosen:
        peer = PEERS[name]
        if missing := peer.missing():
            print(f"{name}: skipped, {missing}")
        else:
            print(f"{name} {peer.version()}")
            found.append(peer)
    return found


def measure(args: argparse.Namespace, peers: list[Peer], folder: Path) -> dict[str, Table]:
    """Make the chosen measurements, printing each table as soon as it is there."""
    tables: dict[str, Table] = {}
    for name in args.only:
        if name in NEED_WRK and (missing := load.missing()):
            print(f"\n{name}: skipped, {missing}")
            continue
        fewer = QUICK.get(name) if args.quick and not args.proxies else None
        options = Options(
            peers=[peer for peer in peers if fewer is None or peer.name in fewer],
            folder=folder,
            rounds=args.rounds,
            seconds=args.seconds,
            quick=args.quick,
            policies=args.policies,
        )
        for table in MEASUREMENTS[name](options):
            tables[table.key] = table
            print(f"\n{table.text()}", flush=True)
    return tables


def write(path: Path, about: str, peers: list[Peer], tables: dict[str, Table]) -> None:
    """Write every value as JSON; a round that failed is null."""
    results = {
        table.key: {"title": table.title, "how": table.how, "notes": table.notes, "proxies": table.plain()}
        for table in tables.values()
    }
    versions = {peer.name: peer.version() for peer in peers}
    whole = {"machine": about, "versions": versions, "results": results}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    print(f"\nall values: {path}")


def main(argv: list[str] | None = None) -> int:
    """Measure; returns the exit code."""
    args = arguments(argv)
    if problem := machine.problem():
        print(problem, file=sys.stderr)
        return 2
    processes.leave_on_signals()
    machine.raise_file_limit()
    started = time.monotonic()
    about = machine.describe()
    print(about)
    peers = installed(args.proxies or list(PEERS))
    with tempfile.TemporaryDirectory(prefix="outrider-bench-") as folder, machine.on_core(machine.LOAD_CORE):
        tables = measure(args, peers, Path(folder))
    print(f"\n{time.monotonic() - started:.0f} s in all")
    if args.json:
        write(args.json, about, peers, tables)
    if not args.check:
        return 0
    broken = verdict.broken(tables, args.only)
    for line in broken:
        print(f"outside the bounds: {line}")
    if not broken:
        print("within the bounds")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
