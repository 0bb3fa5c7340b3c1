"""Flaws: what a layer that is not ours may have made of an exchange, an attempt or a response.

Looked for where such a layer hands it on, so that the mistake has a name: further in, it would be an error of
whoever comes next, or be sent. Nothing else of the request path pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .body import Body
from .exchange import Attempt, Exchange
from .response import Response

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: What cannot stand in the value of a field (RFC 9110 section 5.5).
_UNCLEAN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
#: Made for each hop, of what is really sent: a second one would be the beginning of another request.
_FRAMING = frozenset((b"content-length", b"host", b"transfer-encoding"))


def flaw_of(travels: object) -> str:
    """Say what of an exchange or attempt cannot be handed on; "" for nothing."""
    if isinstance(travels, Attempt):
        if not isinstance(travels.method, str) or not isinstance(travels.target, str):
            return "an attempt whose method or target is no str"
        if not isinstance(travels.fields, list):
            return f"attempt.fields that are {_kind(travels.fields)}; they are a list"
        return flaw_of_fields("attempt.fields", travels.fields, _FRAMING) or _flaw_of_body(travels.exchange)
    if isinstance(travels, Exchange):
        return flaw_of_fields("exchange.raw_headers", travels.raw_headers) or _flaw_of_body(travels)
    return f"{_kind(travels)}; hand on what the layer was given"


def flaw_of_response(response: object) -> str:
    """Say what of a response cannot be passed on; "" for nothing."""
    if not isinstance(response, Response):
        return f"{_kind(response)}; give a Response"
    return flaw_of_fields("response.fields", response.fields)


def flaw_of_fields(what: str, fields: Iterable[object], refused: frozenset[bytes] = frozenset()) -> str:
    """Say what is wrong with fields. Values can be secrets, so only names are told."""
    for pair in fields:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return f'{what} with {_kind(pair)} in it; a field is (b"name", b"value")'
        name, value = pair
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            return f"{what} with {_kind(name)} and {_kind(value)} as a field; they are bytes"
        if _TOKEN.fullmatch(name) is None:
            return f"{what} with {name!r}, which is no name of a field"
        if _UNCLEAN.search(value) is not None:
            return f"{what} with a control character in {name.decode()}"
        if name.lower() in refused:
            return f"{what} with {name.decode()}, which Outrider makes itself"
    return ""


def _flaw_of_body(exchange: Exchange) -> str:
    body = exchange.body
    if not isinstance(body, Body):
        return f"exchange.body that is {_kind(body)}; give outrider.plugin.Body"
    if body.data is not None and not isinstance(body.data, bytes):
        return f"exchange.body whose data are {_kind(body.data)}; they are bytes"
    if body.data and body.length != len(body.data):
        return f"exchange.body of {len(body.data)} bytes whose length is {body.length}"
    return ""


def _kind(thing: object) -> str:
    return type(thing).__name__
