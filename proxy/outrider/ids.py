"""Exchange ids: unique on one machine, cheap, sortable within a run; not a secret."""

from __future__ import annotations

import itertools
import secrets

_run = secrets.token_hex(5)
_count = itertools.count(1)


def exchange_id() -> str:
    """Give the next id, e.g. `9f86d08188-0000002a`: the run's own part, then a count."""
    return f"{_run}-{next(_count):08x}"
