"""Members of bodies: forms and JSON objects, read and taken apart without changing another byte."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import parse_qsl, unquote_plus

_SPACE = re.compile(r"[ \t\r\n]*")
_FORM = "application/x-www-form-urlencoded"
_KINDS = ("", "application/json", _FORM)


def are_legible(headers: Mapping[str, str]) -> bool:
    """Whether the body of a request with these fields is one whose members are looked at."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in _KINDS and "Content-Encoding" not in headers


def texts_of(data: bytes, content_type: str | None = None) -> dict[str, str]:
    """Give the members of a form or a JSON object that are texts; whichever it looks like, without a type."""
    text = data.decode("utf-8", "replace")
    if content_type is not None and _is_form(content_type):
        return dict(parse_qsl(text))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return dict(parse_qsl(text)) if content_type is None else {}
    if not isinstance(found, dict):
        return {}
    return {name: each for name, each in found.items() if isinstance(each, str)}


def without_members(data: bytes, content_type: str, names: Collection[str]) -> bytes:
    """Take the members of these names off a JSON object, or off a form; with none, change no byte.

    Of an object only its own members, not those of what is in it. What is neither stays as it is: the
    provider will say what is wrong with it.
    """
    if not any(name.encode() in data for name in names) and not (b"\\u" in data or b"%" in data):
        return data
    if _is_form(content_type):
        pairs = data.split(b"&")
        kept = [pair for pair in pairs if _named(pair) not in names]
        return data if len(kept) == len(pairs) else b"&".join(kept)
    try:
        text = data.decode()
        members = list(_members(text))
    except (ValueError, RecursionError, IndexError):
        return data
    left = [text[start:end] for name, start, end in members if name not in names]
    return data if len(left) == len(members) else f"{{{','.join(left)}}}".encode()


def _is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == _FORM


def _named(pair: bytes) -> str:
    return unquote_plus(pair.partition(b"=")[0].decode("latin-1"))


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Give name, begin and end of each member of a JSON object. ValueError for what is none."""
    decode = json.JSONDecoder().raw_decode
    at = _after(text, _spaces(text, 0), "{")
    if text[at] == "}":
        return
    while True:
        start = at
        name, at = decode(text, at)
        if not isinstance(name, str):
            raise ValueError("a name is a text")
        at = _after(text, _spaces(text, at), ":")
        _, end = decode(text, at)
        yield name, start, end
        at = _spaces(text, end)
        if text[at] == "}":
            if text[at + 1 :].strip(" \t\r\n"):
                raise ValueError("there is more than an object")
            return
        at = _after(text, at, ",")


def _spaces(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _after(text: str, at: int, mark: str) -> int:
    if text[at] != mark:
        raise ValueError(f"no {mark}")
    return _spaces(text, at + 1)
