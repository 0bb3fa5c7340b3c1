"""Outrider itself: one integration, bearer auth, metrics on, no access log."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench.peers.base import Site

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:0"
access_log = false

[integrations.bench]
base_url = "http://127.0.0.1:{upstream}"

[integrations.bench.auth]
type = "bearer"
token = "env:BENCH_TOKEN"
"""

POLICIES = """
[[integrations.bench.limits]]
rate = "1000000/s"
burst = 1000000

[integrations.bench.retry]
attempts = 3

[integrations.bench.breaker]
failures = 50
open = "30s"

[integrations.bench.fallback]
targets = ["spare"]

[integrations.spare]
base_url = "http://127.0.0.1:{upstream}"

[integrations.spare.auth]
type = "none"
"""


def program() -> Path:
    """Return where pip put the command: beside the interpreter that runs us."""
    return Path(sys.executable).parent / "outrider"


class Outrider:
    name = "outrider"

    def missing(self) -> str | None:
        return (
            None if program().exists() else f"{program()} is not there; .venv/bin/python -m pip install -e ."
        )

    def version(self) -> str:
        return version("outrider")

    def environ(self, site: Site) -> Mapping[str, str]:
        return {"BENCH_TOKEN": site.token}

    def command(self, site: Site) -> list[str]:
        config = site.folder / "config.toml"
        text = CONFIG + (POLICIES if site.policies else "")
        config.write_text(text.format(port=site.port, upstream=site.upstream))
        return [str(program()), "run", "--config", str(config)]


class Core(Outrider):
    """Outrider without the plugins for limits, retries, breakers and fallbacks."""

    name = "core"

    def environ(self, site: Site) -> Mapping[str, str]:
        return {**super().environ(site), "PYTHONPATH": str(ROOT)}

    def command(self, site: Site) -> list[str]:
        return [sys.executable, "-m", "bench.core", *super().command(site)[1:]]
