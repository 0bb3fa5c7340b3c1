"""What policies cost that have nothing to do: Outrider without them, Outrider and Envoy with them."""

from __future__ import annotations

from dataclasses import replace

from bench import upstreams
from bench.fleet import Options, all_serving
from bench.measure import requests
from bench.peers.outrider import Core
from bench.report import Table


def measure(options: Options) -> list[Table]:
    """Load each in turn, round after round, all of them running all the time."""
    chosen = [peer for peer in options.peers if peer.name in ("outrider", "envoy")]
    tables = {
        method: Table(
            f"policies_{method.lower()}",
            f"CPU for each {method} with policies",
            "limits, learned limits, retries, a breaker and a fallback, none of which has anything to do; "
            f"`core` is Outrider without the plugins for them; {options.rounds} × {options.seconds} s",
            (*requests.COLUMNS[:3], "× Core", "min–max", *requests.COLUMNS[3:]),
        )
        for method in requests.METHODS
    }
    with (
        upstreams.serve_fixed(options.folder, options.ports) as port,
        all_serving(port, replace(options, peers=[Core()], policies=False)) as (core, failed_core),
        all_serving(port, replace(options, peers=chosen, policies=True)) as (proxies, failed),
    ):
        requests.load_in_turn("policies", [*core, *proxies], {**failed_core, **failed}, options, tables)
    return list(tables.values())
