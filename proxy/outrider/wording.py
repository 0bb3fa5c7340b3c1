"""Numbers and limits in words, for whatever tells a person what is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Limit

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))


def seconds(time_s: float) -> str:
    """Say a time: `250 ms`, `30 s`, `10 minutes`, `24 hours`."""
    if time_s < 1:
        return f"{time_s * 1e3:g} ms"
    for size_s, unit in _UNITS:
        if time_s >= 2 * size_s and time_s % size_s == 0:
            return f"{time_s / size_s:g} {unit}"
    return f"{time_s:g} s"


def limit(of: Limit) -> str:
    """Say a limit of the file: what it allows, and what a call does whose turn has not come."""
    words = [str(of.rate)] if of.rate is not None else []
    words += [f"burst {of.burst}"] if of.burst is not None else []
    words += [f"{of.concurrency} at once"] if of.concurrency is not None else []
    words += ["for each key"] if of.scope == "key" else []
    waits = f"waits up to {seconds(of.wait)}" if of.wait else "never waits"
    words += ["observed only" if of.observe else waits]
    return ", ".join(words)
