"""What the benchmark asks of a peer, and what it tells it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Debian keeps servers in /usr/sbin, which is not on every user's PATH.
SEARCHED = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"


@dataclass(frozen=True, slots=True)
class Site:
    """What a peer serves: `/bench/PATH` on `port` goes to `/PATH` on `upstream`, with the token put on."""

    port: int
    upstream: int
    folder: Path
    token: str
    connections: int
    """How many connections of apps it must be able to hold."""
    policies: bool
    """Also limit, retry and break, with bounds that are never reached."""


class Peer(Protocol):
    """One proxy: one process on one core that listens on `site.port`."""

    name: str

    def missing(self) -> str | None:
        """Say what is not installed and what gives it, or return None."""

    def version(self) -> str:
        """Return the version that is measured."""

    def command(self, site: Site) -> list[str]:
        """Write the configuration into `site.folder` and return the command that runs in the foreground."""

    def environ(self, site: Site) -> Mapping[str, str]:
        """Return what the environment needs beyond ours."""


def find(program: str) -> str | None:
    """Find a program of the system, also one that is not on PATH."""
    return shutil.which(program) or shutil.which(program, path=SEARCHED)
