"""Load `config.toml`: every problem at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from ast import literal_eval
from dataclasses import dataclass, field, replace
from pathlib import Path

from .checks import check
from .integration import Config
from .lines import KeyPath, Lines
from .problems import Problem, Report, dotted
from .tables import read_tables
from .vocabulary import Vocabulary

_KEY = re.compile(r"\((?:'[\w-]*',? ?)+\)")  # tomllib names a key as Python writes a tuple
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")

_QUOTES = 'a text stands in quotes, e.g. "5s"'
#: What tomllib says without a remedy: what it means, and what to do.
_REMEDIES = {
    "cannot overwrite a value": ("the key is given twice", "leave out one of the two"),
    "invalid value": ("invalid value", _QUOTES),
    "expected newline or end of document after a statement": ("something follows on the line", _QUOTES),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read: its configuration, or where it has problems the part that has none.

    Nothing is run with a `partial`. It is there so that what only others can check, as whether the secrets
    are there, is said together with the problems; what it has is what the file says.
    """

    file: str
    config: Config | None
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    lines: Lines
    text: str = field(repr=False)  # where somebody may have pasted a secret
    partial: Config | None = None

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Make a further problem, found by somebody else, at the line of its key."""
        return Problem(self.file, self.lines.of(path), dotted(path), text)


def load(path: Path, vocabulary: Vocabulary) -> Loaded:
    """Read and check a file; what cannot be read is a problem too, and nothing is raised."""
    file = str(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return _unreadable(file, "there is no such file; write it, or name another with --config")
    except IsADirectoryError:
        return _unreadable(file, "is a directory; name the file in it")
    except PermissionError:
        return _unreadable(file, "may not be read by this user; change its mode or its owner")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return _unreadable(file, f"cannot be read: {(reason or 'unknown reason').lower()}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unreadable(file, "is not UTF-8 text; save it as UTF-8", line)
    return loads(text, vocabulary, file=file, folder=path.absolute().parent)


def loads(text: str, vocabulary: Vocabulary, *, file: str = "config.toml", folder: Path = Path()) -> Loaded:
    """Check a text as if it stood in `file`, with paths relative to `folder`."""
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        return _unreadable(file, "is nested too deeply", text=text)
    except ValueError as error:
        line, words = _syntax_error(str(error), text)
        return _unreadable(file, words, line, text)
    lines = Lines(text)
    report = Report(file, lines)
    config = read_tables(raw, folder, vocabulary, report)
    check(config, raw, vocabulary, report)
    good, partial = (None, _partial(config, report)) if report.problems else (config, None)
    return Loaded(file, good, report.problems, report.notes, lines, text, partial)


def _partial(config: Config, report: Report) -> Config:
    """Leave out the clients whose token is a stand-in, and the integrations that may be drafts or not."""
    clients = {n: one for n, one in config.clients.items() if ("clients", n, "token") not in report.bad}
    integrations = {
        n: one for n, one in config.integrations.items() if ("integrations", n, "status") not in report.bad
    }
    return replace(config, clients=clients, integrations=integrations)


def _unreadable(file: str, words: str, line: int = 1, text: str = "") -> Loaded:
    return Loaded(file, None, (Problem(file, line, "", words),), (), Lines(text), text)


def _syntax_error(words: str, text: str) -> tuple[int, str]:
    """Take tomllib's words apart: the line, and what it says."""
    place = _PLACE.search(words)
    said = words[: place.start()] if place else words
    said = _KEY.sub(lambda key: dotted(literal_eval(key[0])), said[:1].lower() + said[1:])
    said, remedy = _REMEDIES.get(said, (said, ""))
    remedy = remedy and f"; {remedy}"
    if place is None:
        return 1, said + remedy
    if place["line"] is None:
        return text.rstrip().count("\n") + 1, f"{said} at the end of the file{remedy}"
    return int(place["line"]), f"{said} (column {place['column']}){remedy}"
