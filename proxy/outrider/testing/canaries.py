"""Canaries: the secrets of a sidecar under test, and what is looked through for them at its end."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from outrider.testing.leaks import leaks

_REFERENCE = re.compile(r"""["'](env|file):([^"'\n]+)["']""")


class Canaries:
    """What must never show up, neither in a text nor in a file of the program's."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._secrets: set[str] = set()
        self._files: set[Path] = set()

    def add(self, *secrets: str) -> None:
        """Look for these as well."""
        self._secrets.update(secrets)

    def learn(self, config: Path) -> None:
        """Look for what is behind the `env:` and `file:` references of a configuration now."""
        for kind, name in _REFERENCE.findall(config.read_text()):
            if kind == "env":
                self._secrets.add(self._environ.get(name, ""))
                continue
            file = config.parent / name
            self._files.add(file)
            with suppress(OSError, UnicodeDecodeError):
                self._secrets.add(file.read_text())

    def told(self, texts: Mapping[str, str], config: Path) -> str:
        """Say which secret stands where, in these texts or in what was written; "" for none."""
        self.learn(config)
        for where, text in (*texts.items(), *self._written(config)):
            for secret, form in leaks(text, self._secrets):
                return f"the secret {secret!r} stands in {where}, {form}"
        return ""

    def _written(self, config: Path) -> list[tuple[str, str]]:
        """Read the program's files; refresh tokens in token_dir are the one secret that it writes."""
        server = _server(config)
        state = config.parent / str(server.get("state_dir", ".outrider"))
        tokens = config.parent / str(server.get("token_dir", state / "tokens"))
        given = {config, config.with_suffix(".new"), *self._files}
        return [
            (str(file), file.read_bytes().decode("utf-8", "surrogateescape"))
            for file in {file for top in (config.parent, state, tokens) for file in top.rglob("*")} - given
            if file.is_file() and not (file.parent == tokens and file.suffix == ".json")
        ]


def _server(config: Path) -> dict[str, Any]:
    try:
        server = tomllib.loads(config.read_text()).get("server", {})
    except tomllib.TOMLDecodeError:
        return {}
    return server if isinstance(server, dict) else {}
