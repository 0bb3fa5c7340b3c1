"""Lines: on which line of a TOML text each key stands.

`tomllib` gives values without places. This scanner gives the places and leaves the values alone: it trusts
that `tomllib` took the text, and on one that it did not it finds what it can and never raises.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress

KeyPath = tuple[str | int, ...]
"""The way to a value: keys, and the indexes of lists: `("integrations", "stripe", "limits", 0, "rate")`."""

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(r"[^\n]*\n?")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # a multi-line text may end with two quotes of its own
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


class Lines:
    """The line of each key of a text; lines count from 1."""

    __slots__ = ("_implied", "_lines")

    def __init__(self, text: str) -> None:
        scanner = _Scanner(text.replace("\r\n", "\n"))
        with suppress(RecursionError):  # what was found until then stands
            scanner.document()
        self._lines = scanner.lines
        self._implied = scanner.implied

    def of(self, path: KeyPath) -> int:
        """Give the line of a key; for one that is not in the text, of the nearest table that is; else 1."""
        for end in range(len(path), 0, -1):
            line = self._lines.get(path[:end]) or self._implied.get(path[:end])
            if line is not None:
                return line
        return 1


class _LostError(Exception):
    """The text is not what TOML allows here."""


class _Scanner:
    """Reads a text once, noting each key.

    `lines` has the keys that are written out, `implied` the tables that a longer key or header names on
    its way: `[a.b]` implies `a`, until an `[a]` comes.
    """

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.implied: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._newlines = [index for index, char in enumerate(text) if char == "\n"]
        self._table: KeyPath = ()
        self._tables_in: dict[KeyPath, int] = {}  # the number of tables so far in each array of tables

    def document(self) -> None:
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            with suppress(_LostError):
                if self._text[self._at] == "[":
                    self._header()
                else:
                    self._pair(self._table)
            self._skip(_REST_OF_LINE)

    def _header(self) -> None:
        """Take `[a.b]` or `[[a.b]]`."""
        start, brackets = self._at, 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        *parents, last = self._key()
        path: KeyPath = ()
        for part in parents:
            path = self._into((*path, part))
            self._imply(path, start)
        if brackets == 2:
            path = (*path, last)
            self._imply(path, start)
            self._tables_in[path] = self._tables_in.get(path, 0) + 1
            self._table = self._into(path)
        else:
            self._table = self._into((*path, last))
        self._note(self._table, start)

    def _into(self, path: KeyPath) -> KeyPath:
        """Go to the last table where the path is an array of tables."""
        return (*path, self._tables_in[path] - 1) if path in self._tables_in else path

    def _pair(self, table: KeyPath) -> None:
        """Take `key = value`, dotted keys too."""
        start = self._at
        parts = self._key()
        for end in range(1, len(parts)):
            self._imply((*table, *parts[:end]), start)
        path = (*table, *parts)
        self._note(path, start)
        self._expect("=")
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        match self._peek():
            case "[":
                self._at += 1
                index = 0
                while self._more("]"):
                    self._note((*path, index), self._at)
                    self._value((*path, index))
                    index += 1
            case "{":
                self._at += 1
                while self._more("}"):
                    self._pair(path)
            case '"' | "'":
                self._take(_STRING)
            case _:
                self._take(_SCALAR)

    def _more(self, closing: str) -> bool:
        """Go to the next entry of a list or inline table; at its end go past it, and say False."""
        self._skip(_BLANK)
        if self._peek() == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._peek() == closing:
            self._at += 1
            return False
        return True

    def _key(self) -> list[str]:
        """Take a key: one part, or several with dots between."""
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            if self._peek() in "\"'":
                parts.append(_unquoted(self._take(_STRING)))
            else:
                parts.append(self._take(_BARE_KEY))
            self._skip(_SPACE)
            if self._peek() != ".":
                return parts
            self._at += 1

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise _LostError
        return self._text[self._at]

    def _expect(self, char: str) -> None:
        if self._peek() != char:
            raise _LostError
        self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None or not match[0]:
            raise _LostError
        self._at = match.end()
        return match[0]

    def _note(self, path: KeyPath, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._newlines, at - 1) + 1)

    def _imply(self, path: KeyPath, at: int) -> None:
        self.implied.setdefault(path, bisect_right(self._newlines, at - 1) + 1)


def _unquoted(key: str) -> str:
    try:
        return str(tomllib.loads(f"key = {key}")["key"])
    except tomllib.TOMLDecodeError:
        raise _LostError from None
