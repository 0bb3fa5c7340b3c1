"""What travels: an Exchange, and within it each Attempt."""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING, Any

from multidict import istr

from .config.values import parse_timespan
from .errors import Forbidden, Malformed
from .headers import NO_NAMES, Headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import CIMultiDictProxy

    from .body import Body
    from .config import Call
    from .headers import Field
    from .integration import Integration, Target


BACKGROUND = "outrider.background"
"""The note of an exchange that nobody waits for: see `Exchange.in_background`."""

#: Fields by which many APIs take another method than the request has.
_OVERRIDES = tuple(istr(name) for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"))
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class Exchange:
    """One request of the app and its outcome.

    `target` is the raw path and query after the address of the integration, byte for byte what the
    app wrote. `headers` are the app's own, to look things up; an attempt has copies to change.
    """

    __slots__ = (
        "_base",
        "_notes",
        "attempts",
        "body",
        "client",
        "credential",
        "deadline",
        "headers",
        "id",
        "idempotency_key",
        "integration",
        "method",
        "named",
        "raw_headers",
        "response_s",
        "started",
        "target",
        "uncertain",
        "upstream_s",
        "waited_s",
    )

    def __init__(
        self,
        id: str,
        integration: Integration,
        method: str,
        target: str,
        headers: CIMultiDictProxy[str],
        raw_headers: Iterable[Field],
        body: Body,
        *,
        base: tuple[str, str, str] = ("", "", ""),
        named: frozenset[bytes] = NO_NAMES,
        started: float = 0.0,
    ) -> None:
        self.id = id
        self.integration = integration
        self.method = method
        self.target = target
        self.headers = headers
        self.raw_headers = raw_headers
        self.named = named
        """Fields that the app's Connection fields name; they end here."""
        self.body = body
        self._base = base
        self.client = ""
        """The name of the client that called, from `[clients.*]`."""
        self.started = started or monotonic()
        self.deadline = self.started + integration.target.timeout.total
        """Monotonic time by which the head of the response must be there."""
        self.idempotency_key = ""
        """The key of ours that goes along with every attempt, where the app gave none."""
        self.credential: object = None
        """What its last attempt was signed in with, where that can be replaced."""
        self.attempts = 0
        self.uncertain = False
        """Whether an attempt that was given up on may have taken effect all the same."""
        self.waited_s = 0.0
        """Seconds spent waiting on purpose: limits, backoff."""
        self.upstream_s = 0.0
        """Seconds spent at providers up to the heads of their responses."""
        self.response_s = 0.0
        """Seconds from the request to the head of the answer."""
        self._notes: dict[Any, Any] | None = None

    def __repr__(self) -> str:
        what = f"{self.integration.name} {self.method} {self.path}"
        return f"<Exchange {self.id} {what}, {self.attempts} attempts>"

    def shorten(self, text: str) -> None:
        """Move the deadline closer, as the app asks with `Outrider-Timeout: 3s`. Malformed for no time."""
        try:
            seconds = parse_timespan(float(text) if _DIGITS.fullmatch(text) else text)
        except ValueError as error:
            raise Malformed(f"Outrider-Timeout: {error}") from None
        self.deadline = min(self.deadline, self.started + seconds)

    @property
    def hurried(self) -> bool:
        """Whether the app gave it less time than `timeout.total` does."""
        return self.deadline < self.started + self.integration.target.timeout.total

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, none after it."""
        return max(0.0, self.deadline - monotonic())

    def is_one_of(self, calls: Iterable[Call]) -> bool:
        """Whether it is one of these calls. Forbidden where a field asks to take it for another one."""
        for name in _OVERRIDES:
            if name in self.headers:
                raise Forbidden(f"only listed calls are allowed here, and {name} asks for another method")
        path = self.path or "/"
        return any(call.matches(self.method, path) for call in calls)

    @property
    def in_background(self) -> bool:
        """Whether nobody waits for it: it lets others go first, and who sent it sends it again."""
        return self.noted(BACKGROUND) is not None

    @property
    def address(self) -> tuple[str, str, str]:
        """How the app addressed the integration: scheme, Host, and the prefix of the path, "" without one."""
        return self._base

    @property
    def base(self) -> str:
        """Where the app finds the integration, e.g. `http://127.0.0.1:8080/stripe`: for Location."""
        scheme, host, prefix = self._base
        return f"{scheme}://{host}{prefix}"

    @property
    def path(self) -> str:
        """The raw path, without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The raw query, without its question mark; "" where there is none."""
        return self.target.partition("?")[2]

    def idempotent_at(self, target: Target) -> bool:
        """Whether a second time does no harm there."""
        return target.idempotency.covers(self)

    @property
    def notes(self) -> dict[Any, Any]:
        """What plugins remember for this exchange, by keys of their own."""
        if self._notes is None:
            self._notes = {}
        return self._notes

    def noted(self, key: Any) -> Any:
        """Give one of the `notes`, None where there is none; makes nothing."""
        return None if self._notes is None else self._notes.get(key)


class Attempt:
    """One try of an exchange at one target. Its headers and target are copies: change them freely."""

    __slots__ = ("exchange", "fields", "key", "method", "number", "started", "target", "to")

    def __init__(self, exchange: Exchange, to: Target) -> None:
        exchange.attempts += 1
        self.exchange = exchange
        self.to = to
        """The Target this goes to, and no other: the transport asserts it."""
        self.method = exchange.method
        self.target = exchange.target
        """The raw path and query, below the target's base path."""
        self.fields = to.request_filter.apply(exchange.raw_headers, exchange.named)
        """Its own copy of the app's fields, without those that end here."""
        first = exchange.integration.target
        if to is not first:
            # What the app sent where the first target's key goes is a token, and no fallback's to know.
            self.fields = first.request_filter.apply(self.fields)
        self.key = 0
        """Which key of the target's pool it is signed in with: the place in the list."""
        self.number = exchange.attempts
        self.started = monotonic()

    @property
    def headers(self) -> Headers:
        """Its fields, to be looked up by name and changed."""
        return Headers(self.fields)

    def __repr__(self) -> str:
        return f"<Attempt {self.number} of {self.exchange.id} at {self.to.name}>"
