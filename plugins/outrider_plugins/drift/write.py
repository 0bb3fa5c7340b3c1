"""Add endpoints to the text of `config.toml`, and change nothing else of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from outrider.errors import StartError


def with_endpoints(text: str, missing: Mapping[str, Sequence[str]]) -> str:
    """Give the text with these calls listed, by integration. StartError where it does not allow that."""
    wanted = tomllib.loads(text)
    for name, calls in missing.items():
        wanted["integrations"][name].setdefault("endpoints", []).extend({"call": call} for call in calls)
    for name, calls in missing.items():
        written = tomllib.loads(text)["integrations"][name].get("endpoints")
        headed = re.search(
            rf"^\[\[ *integrations *\. *{re.escape(name)} *\. *endpoints *\]\]", text, re.MULTILINE
        )
        text = _inline(text, name, calls) if written and not headed else _tables(text, name, calls)
    try:
        good = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        good = False
    if not good:
        raise StartError("the file is written in a way that endpoints cannot be added to; add them by hand")
    return text


def _tables(text: str, name: str, calls: Sequence[str]) -> str:
    """Put a table for each call below the last one of the integration, above the comments of the next."""
    lines = text.splitlines()
    own = re.compile(rf"\s*\[\[? *integrations *\. *{re.escape(name)} *[.\]]")
    last, inside = len(lines), False
    for number, line in enumerate(lines):
        if re.match(r"\s*\[", line) and (inside or own.match(line)):
            inside = own.match(line) is not None
        if inside and line.strip() and not line.lstrip().startswith("#"):
            last = number + 1
    added = [
        line for call in calls for line in ("", f"[[integrations.{name}.endpoints]]", f'call = "{call}"')
    ]
    return "\n".join([*lines[:last], *added, *lines[last:]]) + "\n"


def _inline(text: str, name: str, calls: Sequence[str]) -> str:
    """Add to `endpoints = [...]`."""
    document: Any = tomlkit.parse(text)
    endpoints = document["integrations"][name]["endpoints"]
    for call in calls:
        table = tomlkit.inline_table()
        table["call"] = call
        endpoints.append(table)
    return tomlkit.dumps(document)
