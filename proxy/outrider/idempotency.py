"""What a second time does at one provider: no harm by the call itself, no harm by a key, or harm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .config import Call

if TYPE_CHECKING:
    from .exchange import Exchange
    from .provider import Provider

#: Methods that may be repeated (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
_KEYED = frozenset(("POST", "PATCH"))
_LONGEST_BODY = 256 * 1024


class Idempotency:
    """The rules of one provider, compiled at load."""

    __slots__ = ("_calls", "_field", "_safe", "header")

    def __init__(self, provider: Provider | None) -> None:
        self.header = provider.idempotency_header if provider is not None else ""
        self._field = provider.idempotency_field if provider is not None else ""
        self._calls = _parsed(provider.idempotency_calls) if provider is not None else ()
        self._safe = _parsed(provider.safe_calls) if provider is not None else ()

    def by_call(self, method: str, path: str) -> bool:
        """Whether the call itself may be repeated: by its method, or because it only reads."""
        return method in IDEMPOTENT or _any(self._safe, method, path)

    def takes_key(self, method: str, path: str) -> bool:
        """Whether a key in its `header` counts for this call."""
        if not self.header or method not in _KEYED:
            return False
        return not self._calls or _any(self._calls, method, path)

    def covers(self, exchange: Exchange) -> bool:
        """Whether a second time does no harm: by the call, or because a key goes along.

        The key is one of ours where the provider takes them, or the app's own. `Idempotency-Key` of the app
        counts at any provider that is not known to pass it over for this call: it is the app's word.
        """
        method, path = exchange.method, exchange.path
        if self.by_call(method, path) or self.takes_key(method, path):
            return True
        if "Idempotency-Key" in exchange.headers and not self._calls:
            return True
        return bool(self._field) and self._in_body(exchange)

    def _in_body(self, exchange: Exchange) -> bool:
        """Whether the app put a key in its JSON body. Only asked when something failed."""
        data = exchange.body.here
        if data is None or len(data) > _LONGEST_BODY or self._field.encode() not in data:
            return False
        try:
            body = json.loads(data)
        except ValueError:
            return False
        return isinstance(body, dict) and bool(body.get(self._field))


def _parsed(calls: tuple[str, ...]) -> tuple[Call, ...]:
    return tuple(Call.parse(call) for call in calls)


def _any(calls: tuple[Call, ...], method: str, path: str) -> bool:
    return bool(calls) and any(call.matches(method, path) for call in calls)
