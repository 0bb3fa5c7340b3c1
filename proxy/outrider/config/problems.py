"""Problems and notes: what `outrider check` says about a file, with its line."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .lines import KeyPath, Lines

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file, or with `note` one that does nothing yet.

    `str()` is the line for a person: `config.toml:12: integrations.stripe.retry.attempts: must be ...`.
    `where` is empty for what has no key, as a syntax error.
    """

    file: str
    line: int
    where: str
    text: str
    note: bool = False

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {where}{'note: ' if self.note else ''}{self.text}"


class Report:
    """Collects the problems and notes of one file; each is placed at the line of its key."""

    __slots__ = ("_file", "_lines", "_notes", "_problems", "bad")

    def __init__(self, file: str, lines: Lines) -> None:
        self._file = file
        self._lines = lines
        # Keyed by what is said, so that nothing is said twice.
        self._problems: dict[tuple[KeyPath, str], Problem] = {}
        self._notes: dict[tuple[KeyPath, str], Problem] = {}
        self.bad: set[KeyPath] = set()
        """Every key with a problem, and the tables it is in."""

    def problem(self, path: KeyPath, text: str) -> None:
        """Add what is wrong with the key at `path`."""
        self._problems[path, text] = Problem(self._file, self._lines.of(path), dotted(path), text)
        self.bad.update(path[:end] for end in range(1, len(path) + 1))

    def note(self, path: KeyPath, text: str) -> None:
        """Add what does nothing yet at `path`."""
        self._notes[path, text] = Problem(self._file, self._lines.of(path), dotted(path), text, note=True)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems in the order of their lines."""
        return tuple(sorted(self._problems.values(), key=_by_line))

    @property
    def notes(self) -> tuple[Problem, ...]:
        """The notes in the order of their lines."""
        return tuple(sorted(self._notes.values(), key=_by_line))


def _by_line(problem: Problem) -> int:
    return problem.line


def dotted(path: KeyPath) -> str:
    """Write a path as TOML would: `integrations.stripe.limits[0].rate`; quotes what is no bare key."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part))
    return text


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Say `; did you mean 'attempts'?`, or nothing when none of the known names is near."""
    near = difflib.get_close_matches(str(given)[:100], list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that nobody knows the key, and which was meant, or which there are."""
    names = sorted(known)
    key = key if len(key) <= 40 else key[:39] + "…"
    hint = did_you_mean(key, names) or (f"; known are {', '.join(names)}" if names else "; leave it out")
    return f"unknown key {key!r}{hint}"
