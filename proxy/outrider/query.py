"""Query strings as they are on the wire: parameters are taken off or put on, the rest stays byte for byte."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote, unquote_plus


def without_parameters(target: str, names: Collection[str]) -> str:
    """Take every parameter of these names off, however it is escaped; with none, change no byte."""
    path, _, query = target.partition("?")
    pairs = query.split("&")
    kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) not in names]
    if len(kept) == len(pairs):
        return target
    return f"{path}?{'&'.join(kept)}" if kept else path


def with_parameter(target: str, name: str, value: str) -> str:
    """Put a parameter at the end."""
    return f"{target}{'&' if '?' in target else '?'}{quote(name, safe='')}={quote(value, safe='')}"
