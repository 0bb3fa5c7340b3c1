"""What happened to the newest calls, in bounded memory.

A call that went well at once is one tuple when it ends. What else happens to a call is a step, kept
with its exchange until then: so the record costs next to nothing while all goes well.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any, NamedTuple

from outrider.logs import REDACTOR
from outrider.plugin import (
    AttemptDone,
    Exchange,
    ExchangeDone,
    FailedOver,
    LimitWaited,
    Retrying,
    TargetFailed,
)
from outrider.wording import seconds

#: Calls that are remembered; those that did not go well have a place of their own beside them.
_CALLS = 2048
_TROUBLED = 512
#: Steps of one call, and characters of its path, beyond which nothing more is kept.
_STEPS = 64
_PATH = 256

STEPS = "outrider.why"
"""The note of an exchange under which its steps are."""


class Step(NamedTuple):
    """One thing that happened to a call: seconds after its begin, and what, in words."""

    after_s: float
    text: str

    def as_json(self) -> dict[str, Any]:
        """Give it as the admin API and the log do."""
        return {"after_ms": _ms(self.after_s), "text": self.text}


class Entry(NamedTuple):
    """One call that has ended. Times are seconds; `at` is of its end, since the epoch."""

    id: str
    at: float
    integration: str
    client: str
    method: str
    path: str
    status: int
    broken: bool
    attempts: int
    took_s: float
    upstream_s: float
    waited_s: float
    head_s: float
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as the admin API does; times in milliseconds, `overhead_ms` is what Outrider took."""
        overhead_s = max(0.0, self.head_s - self.upstream_s - self.waited_s)
        return {
            "id": self.id,
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "integration": self.integration,
            "client": self.client,
            "method": self.method,
            "path": REDACTOR.clean(self.path),
            "status": self.status,
            "broken": self.broken,
            "attempts": self.attempts,
            "ms": _ms(self.took_s),
            "provider_ms": _ms(self.upstream_s),
            "wait_ms": _ms(self.waited_s),
            "overhead_ms": _ms(overhead_s),
            "steps": [step.as_json() for step in self.steps],
        }


class Record:
    """The newest calls, and whoever follows them."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, now: Callable[[], float] = time) -> None:
        self._clock = clock
        self._now = now
        self._calls: deque[Entry] = deque(maxlen=_CALLS)
        self._troubled: deque[Entry] = deque(maxlen=_TROUBLED)
        self.followers: list[Callable[[Entry], None]] = []
        """Called with each call that ends. They must not wait."""

    def find(self, id: str) -> Entry | None:
        """Give a call by its `Outrider-Id`; None when it is forgotten, or still under way."""
        for calls in (self._calls, self._troubled):
            for entry in reversed(calls):
                if entry.id == id:
                    return entry
        return None

    @property
    def reach_s(self) -> float:
        """How far back every call is remembered."""
        full = len(self._calls) == self._calls.maxlen
        return self._now() - self._calls[0].at if full else math.inf

    def newest(self, seconds_s: float) -> Iterator[Entry]:
        """Give the calls that ended in so many seconds, the newest first."""
        since = self._now() - seconds_s
        for entry in reversed(self._calls):
            if entry.at < since:
                return
            yield entry

    def done(self, event: ExchangeDone) -> None:
        """Remember a call that has ended."""
        exchange, status = event.exchange, event.status
        steps = exchange.noted(STEPS)
        entry = Entry(
            exchange.id,
            self._now(),
            exchange.integration.name,
            exchange.client,
            exchange.method,
            exchange.path[:_PATH],
            status,
            event.broken,
            exchange.attempts,
            self._clock() - exchange.started,
            exchange.upstream_s,
            exchange.waited_s,
            exchange.response_s,
            tuple(steps) if steps is not None else (),
        )
        self._calls.append(entry)
        if steps is not None or status >= 400 or not status:
            self._troubled.append(entry)
        for follow in self.followers:
            follow(entry)

    def attempted(self, event: AttemptDone) -> None:
        """Note an attempt, unless it is the only one and went well."""
        attempt, result = event.attempt, event.result
        if attempt.number == 1 and result == "2xx":
            return
        keys = len(attempt.to.auth.keys) if attempt.to.auth is not None else 0
        # One that was refused here had no key yet.
        which = f" with key {attempt.key + 1} of {keys}" if keys > 1 and result != "refused" else ""
        text = f"attempt {attempt.number} at {attempt.to.name}{which}: {result} after {_short(event.seconds)}"
        # It began to wait for its turn before that.
        self._step(attempt.exchange, text, self._clock() - event.seconds)

    def retrying(self, event: Retrying) -> None:
        """Note that a target is tried again."""
        text = f"retry of {event.target.name} for {event.reason}, after a wait of {_short(event.delay_s)}"
        self._step(event.exchange, text)

    def failed_over(self, event: FailedOver) -> None:
        """Note that a fallback takes over."""
        text = f"failed over from {event.origin.name} to {event.to.name} for {event.reason}"
        self._step(event.exchange, text)

    def waited(self, event: LimitWaited) -> None:
        """Note a wait for a turn."""
        what = "no turn at the limit, given up" if event.refused else "waited for its turn at the limit"
        self._step(event.attempt.exchange, f"{what} after {_short(event.seconds)}")

    def failed(self, event: TargetFailed) -> None:
        """Note that a target has failed for good."""
        actions = ", ".join(sorted(event.actions))
        self._step(event.exchange, f"{event.target.name} failed for {event.reason}; on says: {actions}")

    def _step(self, exchange: Exchange, text: str, at: float | None = None) -> None:
        steps: list[Step] = exchange.notes.setdefault(STEPS, [])
        if len(steps) < _STEPS:
            steps.append(Step((self._clock() if at is None else at) - exchange.started, text))


def _ms(time_s: float) -> float:
    return round(time_s * 1e3, 1)


def _short(time_s: float) -> str:
    """Say a time to three digits: nobody reads more."""
    return seconds(float(f"{time_s:.3g}"))
