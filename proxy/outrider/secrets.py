"""Secrets: references resolved at load, values kept in memory only, files read again when they change.

A value is never in a repr, an error or a log: errors name the reference, which is no secret.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import re
import shlex
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, quote_plus

from .config import SecretRef, UrlRef
from .stamp import Stamp, stamp_of

T = TypeVar("T")

#: Tokens that are kept out of the log at a time.
_PASSING = 64

#: Seconds a `cmd:` may take.
COMMAND_TIMEOUT_S = 30.0

_PERCENT = re.compile("%[0-9A-F]{2}")
_URLSAFE = bytes.maketrans(b"+/", b"-_")

_log = logging.getLogger("outrider")


class SecretMissing(Exception):
    """A reference that gives no usable value; the text names the remedy, never the value."""


class Secret:
    """The value behind one reference. It changes when its file does."""

    __slots__ = ("_stamp", "_told", "_value", "ref", "version")

    def __init__(self, ref: SecretRef, value: str, stamp: object = None) -> None:
        self.ref = ref
        self._value = value
        self._stamp = self._told = stamp
        self.version = 1

    def __repr__(self) -> str:
        return f"<Secret {self.ref}>"

    @property
    def value(self) -> str:
        """The value as it is now."""
        return self._value

    def derive(self, make: Callable[[str], T]) -> Callable[[], T]:
        """Give a function that returns `make(value)`, made anew only after the value has changed."""
        made, version = make(self._value), self.version

        def derived() -> T:
            nonlocal made, version
            if version != self.version:
                made, version = make(self._value), self.version
            return made

        return derived


class Vault:
    """Every secret of one configuration, one object for each reference."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        *,
        absent: bool = False,
        token_dir: Path | None = None,
    ) -> None:
        self._folder = folder
        self.token_dir = folder / ".outrider" / "tokens" if token_dir is None else token_dir
        """Where tokens are kept that replace what the file says: refresh tokens that rotate."""
        self._absent = absent
        """For commands that show what is configured: nothing is read, every value is a dash."""
        self._environ = os.environ if environ is None else environ
        self._secrets: dict[SecretRef, Secret] = {}
        self._lacking: dict[SecretRef, Stamp] = {}
        """What gave nothing, and how its file was then: a draft sleeps until that changes."""

    def __repr__(self) -> str:
        return f"<Vault of {len(self._secrets)} secrets>"

    def get(self, ref: SecretRef) -> Secret:
        """Resolve a reference, once. SecretMissing tells what to do."""
        known = self._secrets.get(ref)
        if known is None:
            stamp = self._stamp(ref)
            try:
                value = "-" if self._absent else self._read(ref)
            except SecretMissing:
                self._lacking[ref] = stamp
                raise
            known = self._secrets[ref] = Secret(ref, value, stamp)
        return known

    def files(self) -> list[Path]:
        """Give the files that hold secrets, to be watched."""
        refs = [*(secret.ref for secret in self._secrets.values()), *self._lacking]
        return [self._path(ref) for ref in refs if ref.kind == "file"]

    def has_news(self) -> bool:
        """Whether a file has changed whose secret was missing; told once for each change."""
        news = {ref: self._stamp(ref) for ref in self._lacking}
        changed = news != self._lacking
        self._lacking = news
        return changed

    def refresh(self, anew: Collection[SecretRef] = ()) -> list[SecretRef]:
        """Read again what has changed on disk, and `anew` in any case: commands run, up to 30 s each.

        A bad new value is logged, and the old one stays.
        """
        changed = []
        for secret in self._secrets.values():
            stamp = self._stamp(secret.ref)
            asked = secret.ref in anew
            if stamp == secret._stamp and not asked:
                secret._told = stamp
                continue
            try:
                value = self._read(secret.ref)
            except SecretMissing as missing:
                # Said once, until the file changes; read each time, since a mode may change alone.
                if stamp != secret._told or asked:
                    secret._told = stamp
                    _log.warning("%s; the value from before stays in use", missing)
                continue
            secret._stamp = secret._told = stamp
            if value != secret._value:
                secret._value = value
                secret.version += 1
                changed.append(secret.ref)
        return changed

    def values(self) -> list[str]:
        """Give every value, for the filter that keeps them out of the log."""
        return [secret._value for secret in self._secrets.values()]

    def _path(self, ref: SecretRef) -> Path:
        return self._folder / Path(ref.name).expanduser()

    def _stamp(self, ref: SecretRef) -> Stamp:
        return stamp_of(self._path(ref)) if ref.kind == "file" else None

    def _read(self, ref: SecretRef) -> str:
        read = {
            "env": self._from_env,
            "file": self._from_file,
            "cmd": _from_command,
            "keyring": _from_keyring,
        }
        value = read[ref.kind](ref)
        if not value:
            raise SecretMissing(f"the secret of {ref} is empty; {_remedy(ref)}")
        if ref.multiline:
            return value
        if isinstance(ref, UrlRef):
            try:
                ref.split(value)
            except ValueError as error:
                raise SecretMissing(f"the secret of {ref} is no URL to call: {error}") from None
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            raise SecretMissing(f"the secret of {ref} has a control character in it, a line break perhaps")
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:
            raise SecretMissing(f"the secret of {ref} has characters that cannot stand in a header") from None
        return value

    def _from_env(self, ref: SecretRef) -> str:
        value = self._environ.get(ref.name)
        if value is None:
            raise SecretMissing(f"no secret; set {ref.name}")
        return value

    def _from_file(self, ref: SecretRef) -> str:
        path = self._path(ref)
        try:
            return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SecretMissing(f"the secret file {path} is not UTF-8 text") from None
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise SecretMissing(f"no secret; write it to the file {path} ({reason})") from None


def _from_command(ref: SecretRef) -> str:
    try:
        words = shlex.split(ref.name)
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SecretMissing(f"the command of {ref} cannot be run: {str(reason).lower()}") from None
    except subprocess.TimeoutExpired:
        raise SecretMissing(f"the command of {ref} took longer than {COMMAND_TIMEOUT_S:.0f} s") from None
    except UnicodeDecodeError:
        raise SecretMissing(f"the command of {ref} printed something that is not UTF-8 text") from None
    if done.returncode != 0:
        raise SecretMissing(
            f"the command of {ref} ended with exit code {done.returncode}; run it by hand to see why"
        )
    return done.stdout.removesuffix("\n").removesuffix("\r")


def _from_keyring(ref: SecretRef) -> str:
    try:
        import keyring
    except ImportError:
        raise SecretMissing(f"{ref} needs an extra; pip install 'outrider[keyring]'") from None
    service, _, user = ref.name.rpartition("/")
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise SecretMissing(f"the keyring cannot be read for {ref}: {type(error).__name__}") from None
    if value is None:
        raise SecretMissing(f"no secret; {_remedy(ref)}")
    return value


def _remedy(ref: SecretRef) -> str:
    return {
        "env": f"set {ref.name}",
        "file": f"write it to {ref.name}",
        "cmd": "the command printed nothing",
        "keyring": f"keyring set {' '.join(ref.name.rsplit('/', 1))}",
    }[ref.kind]


def forms(value: str) -> Iterable[str]:
    """Give the forms in which a value could show up in a text: plain, base64, percent-encoded, escaped."""
    quoted = [quote(value, safe=""), quote(value), quote_plus(value)]
    lower = [_PERCENT.sub(lambda found: found[0].lower(), text) for text in quoted]
    escaped = [repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    for text in (value, *escaped, *quoted, *lower, html.escape(value)):
        yield text
        yield json.dumps(text)[1:-1]  # as it stands in a line of the log
    for data in (value.encode(), value.encode("latin-1", "replace")):
        yield from _base64(data)


def _base64(data: bytes) -> Iterable[str]:
    """Give what of the base64 is the same whatever stands around the data: a Basic pair has a user too."""
    for before in range(3):
        letters = base64.b64encode(b"\0" * before + data)
        whole = letters[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        yield whole.decode()
        yield whole.translate(_URLSAFE).decode()


class Redactor:
    """Keeps every known secret out of log lines: the second line of defence, nothing relies on it."""

    def __init__(self) -> None:
        self.known: frozenset[str] = frozenset()
        self._passing: deque[str] = deque(maxlen=_PASSING)
        self._unwanted: list[str] = []

    def know(self, values: Iterable[str]) -> None:
        """Replace what is kept out. Values shorter than six characters are words, not secrets."""
        self.known = frozenset(values)
        self._look_for()

    def conceal(self, value: str) -> None:
        """Keep out a secret that was made while the program runs: a token. The newest are known."""
        if value not in self._passing:
            self._passing.append(value)
            self._look_for()

    def _look_for(self) -> None:
        values = {*self.known, *self._passing}
        # A log is line by line, so a secret of several lines is looked for by its lines.
        lines = {line for value in values for line in (value, *value.splitlines()) if len(line) >= 6}
        found = {form for line in lines for form in forms(line)}
        self._unwanted = sorted(found, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Put `***` where a secret stands."""
        for unwanted in self._unwanted:
            text = text.replace(unwanted, "***")
        return text
