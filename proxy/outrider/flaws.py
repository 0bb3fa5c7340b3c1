"""Flaws: what a layer that is not ours may have made of an exchange, an attempt or a response.

Looked for where such a layer hands it on, so that the mistake has a name: further in, it would be an error of
whoever comes next, or be sent. Nothing else of the request path pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .body import Body
from .exchange import Attempt, Exchange
from .headers import CLEAN, TOKEN
from .response import Response

#: Made for each hop, of what is really sent: a second one would be the beginning of another request.
_FRAMING = frozenset((b"content-length", b"host", b"transfer-encoding"))
_REMEMBERED = 1024


class _Fields:
    """Looks at fields of one kind; names that were well once are remembered, up to a cap."""

    def __init__(self, what: str, refused: frozenset[bytes] = frozenset()) -> None:
        self._what = what
        self._refused = refused
        self._well: set[bytes] = set()

    def flaw(self, fields: Iterable[tuple[bytes, bytes]]) -> str:
        """Say what is wrong with them. Values can be secrets, so only names are told."""
        try:
            text = b"".join([name + value for name, value in fields])
            if not text.translate(None, CLEAN) and self._well.issuperset([name for name, _ in fields]):
                return ""
        except (TypeError, ValueError):
            pass  # it is said below
        for pair in fields:
            if wrong := self._wrong(pair):
                return f"{self._what} with {wrong}"
            if len(self._well) < _REMEMBERED:
                self._well.add(pair[0])
        return ""

    def _wrong(self, pair: object) -> str:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return f'{_kind(pair)} in it; a field is (b"name", b"value")'
        name, value = pair
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            return f"{_kind(name)} and {_kind(value)} as a field; they are bytes"
        if TOKEN.fullmatch(name) is None:
            return f"{name!r}, which is no name of a field"
        if value.translate(None, CLEAN):
            return f"a control character in {name.decode()}"
        return f"{name.decode()}, which Outrider makes itself" if name.lower() in self._refused else ""


_OF_ATTEMPT = _Fields("attempt.fields", _FRAMING)
_OF_EXCHANGE = _Fields("exchange.raw_headers")
_OF_RESPONSE = _Fields("response.fields")


def flaw_of(travels: object) -> str:
    """Say what of an exchange or attempt cannot be handed on; "" for nothing."""
    if isinstance(travels, Attempt):
        if not isinstance(travels.method, str) or not isinstance(travels.target, str):
            return "an attempt whose method or target is no str"
        if not isinstance(travels.fields, list):
            return f"attempt.fields that are {_kind(travels.fields)}; they are a list"
        return _OF_ATTEMPT.flaw(travels.fields) or _flaw_of_body(travels.exchange)
    if isinstance(travels, Exchange):
        return _OF_EXCHANGE.flaw(travels.raw_headers) or _flaw_of_body(travels)
    return f"{_kind(travels)}; hand on what the layer was given"


def flaw_of_response(response: object) -> str:
    """Say what of a response cannot be passed on; "" for nothing."""
    if not isinstance(response, Response):
        return f"{_kind(response)}; give a Response"
    return _OF_RESPONSE.flaw(response.fields)


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
