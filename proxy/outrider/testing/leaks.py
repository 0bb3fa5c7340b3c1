"""Leaks: where a secret stands in what a program wrote, in whichever form.

Not the secret is dressed in every way there is, but the text undressed in every way: so a form that
the program's own filter does not think of is found as well.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

#: A shorter value is a word, which may stand anywhere.
SHORTEST = 6

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_STANDARD = bytes.maketrans(b"-_", b"+/")


def leaks(text: str, secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Give each secret that stands in a text, and in which form: it and `plain`, `base64` and so on."""
    wanted = {line for secret in secrets for line in secret.splitlines() if len(line.strip()) >= SHORTEST}
    found: dict[str, str] = {}
    if not wanted:
        return []
    for form, shown in _undressed(text, min(len(line.encode()) for line in wanted)):
        for line in wanted - found.keys():
            if line in shown:
                found[line] = form
    return sorted(found.items())


def _undressed(text: str, shortest: int) -> Iterable[tuple[str, str]]:
    """Give a text as it is, and as it would be read by whoever takes its dress off."""
    yield "plain", text
    once = _unescaped(text)
    if once != text:
        yield "JSON-escaped", once
        yield "JSON-escaped", _unescaped(once)
    for shown, name in {once: "JSON-escaped, ", text: ""}.items():
        if "%" in shown:
            yield name + "URL-encoded", unquote(shown)
            yield name + "URL-encoded", unquote(shown, "latin-1")
            yield name + "URL-encoded", unquote_plus(shown)
        if "&" in shown:
            yield name + "HTML-escaped", html.unescape(shown)
        decoded = _decoded(unquote(shown), shortest)
        yield name + "base64", decoded
        yield name + "base64, URL-encoded", unquote(decoded)


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _CONTROLS.get(found[3], found[3])

    return _ESCAPE.sub(plain, text) if "\\" in text else text


def _decoded(text: str, shortest: int) -> str:
    """Give what runs of base64 letters may stand for, of so many bytes: it can begin anywhere in a run."""
    pieces = []
    runs = re.findall(rb"[A-Za-z0-9+/_-]{%d,}" % -(-shortest * 4 // 3), text.encode("utf-8", "replace"))
    for run in set(runs):
        for start in range(4):
            letters = run[start:].translate(_STANDARD)
            data = base64.b64decode(letters[: len(letters) // 4 * 4] + _tail(letters))
            pieces += [data.decode("latin-1"), data.decode("utf-8", "replace")]
    return "\n".join(pieces)


def _tail(letters: bytes) -> bytes:
    """Give the last group filled up: one letter too many says nothing."""
    rest = letters[len(letters) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
