"""The pool of a target: which key the next call is signed in with.

Chosen where its limits are known, outside of AUTH, which puts on the key that the attempt names.

1. Calls rotate over the keys that have room; where none has, a call waits for the one that is ready first.
2. A 429 rests its key until `Retry-After`, or for a second where it does not say.
3. A key that is refused rests for a second, longer each time. When the same call then goes through with
   another key, the first one is to blame: it is taken out, until its secret changes.
4. A call that is refused with every key blames none of them, and the provider's answer goes to the app.
5. So one key at least is always in: fewer than all keys bad is never an outage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from outrider.plugin import Attempt, Exchange, KeyChanged, Response

from .keys import Key
from .meter import Clock, longest_wait_s
from .turns import Meters, Turns

#: Seconds that a key rests of which nothing is known but that it was limited, or refused; and the longest.
REST_S, REST_MAX_S = 1.0, 60.0

Turn = tuple[Key, Meters]


class Pool:
    """The keys of one target; for the retry layer, a credential that another one can stand in for."""

    def __init__(
        self, keys: Sequence[Key], turns: Turns, *, hold: Callable[[Key], None], clock: Clock
    ) -> None:
        self.keys = tuple(keys)
        self._turns = turns
        self._hold = hold
        self._clock = clock
        self._next = 0

    def __repr__(self) -> str:
        return f"<Pool of {len(self.keys)} keys>"

    # Which key

    def take(self, attempt: Attempt) -> Turn | None:
        """Take a turn with the next key that has room now; None where none has."""
        exchange = attempt.exchange
        for key in self._usable(attempt):
            meters = key.of(attempt.method, exchange)
            if self._turns.take(meters):
                return key, meters
        return None

    def soonest(self, attempt: Attempt) -> Turn:
        """Give the key that is worth waiting for: the one that would be ready first."""
        found = [(key, key.of(attempt.method, attempt.exchange)) for key in self._usable(attempt)]
        return min(found, key=lambda turn: self._turns.back_after_s(turn[1]))

    def sign_in(self, attempt: Attempt, key: Key) -> None:
        """Have the attempt signed in with a key whose turn it is."""
        self._next = (key.index + 1) % len(self.keys)
        attempt.key = key.index
        attempt.exchange.credential = key

    def _usable(self, attempt: Attempt) -> list[Key]:
        """Give the keys that are in, the next first; those that have failed this exchange last."""
        for key in self.keys:
            if key.refused is not None and key.refused != key.version():
                self._back(attempt, key)
        found = [key for key in (*self.keys[self._next :], *self.keys[: self._next]) if not key.is_out]
        exchange = attempt.exchange
        if exchange.attempts > 1:
            refused = exchange.noted(self) or ()
            found.sort(key=lambda key: (key in refused, key is exchange.credential))
        return found

    def _back(self, attempt: Attempt, key: Key) -> None:
        was_out = key.is_out
        key.trust()
        self._hold(key)
        if was_out:
            self._tell(attempt, key, "back")

    # What comes back

    def answered(self, attempt: Attempt, key: Key, version: object, response: Response) -> None:
        """Judge a key by a response to a call that was signed in with this version of it."""
        if response.meant < 400:
            if key.refused is not None and version == key.version():
                self._back(attempt, key)
            if attempt.number > 1 and (refused := attempt.exchange.noted(self)):
                self._blame(attempt, key, refused)
            return
        status = attempt.to.status_of(response)
        if status == 429:
            if key.hold_until() <= self._clock():
                key.learned.hold(REST_S)
                self._hold(key)
            self._tell(attempt, key, "limited")
        elif status == 401 and version == key.version():
            self._doubt(attempt, key)

    def _doubt(self, attempt: Attempt, key: Key) -> None:
        refused: list[Key] = attempt.exchange.notes.setdefault(self, [])
        if key not in refused:
            refused.append(key)
        usable = [one for one in self.keys if not one.is_out]
        if all(one in refused for one in usable):
            for one in usable:
                one.trust()
                self._hold(one)
            return
        key.refused = key.version()
        now = self._clock()
        # The last one that is ready stays: what it is refused is the app's.
        if key.doubted_until <= now and any(one is not key and one.hold_until() <= now for one in usable):
            key.doubted_until = now + min(REST_MAX_S, REST_S * 2 ** min(key.refusals, 16))
            key.refusals += 1
            self._hold(key)

    def _blame(self, attempt: Attempt, good: Key, refused: Sequence[Key]) -> None:
        """Take out the keys that refused a call which this one has carried."""
        for key in refused:
            if key is not good and not key.is_out and key.refused == key.version():
                key.is_out = True
                self._turns.send_away(key.told)
                self._tell(attempt, key, "refused")

    def _tell(self, attempt: Attempt, key: Key, change: str) -> None:
        to = attempt.to
        to.events.emit(KeyChanged(to, key.index + 1, len(self.keys), change))

    # For the retry layer and the console

    @property
    def times(self) -> int:
        """Once with each of the others."""
        return len(self.keys) - 1

    def replaces(self, status: int) -> bool:
        """Whether another key may help."""
        return status in (401, 429)

    async def renew(self, exchange: Exchange) -> bool:
        """Whether another key is ready, or will be within the wait of the limits."""
        refused = exchange.noted(self) or ()
        return any(
            key is not exchange.credential
            and key not in refused
            and self._back_after_s(exchange, key) <= longest_wait_s(key.of(exchange.method, exchange))
            for key in self.keys
            if not key.is_out
        )

    def rests_s(self, exchange: Exchange) -> float | None:
        """Give the seconds until the first key is ready."""
        return min((self._back_after_s(exchange, key) for key in self.keys if not key.is_out), default=None)

    def _back_after_s(self, exchange: Exchange, key: Key) -> float:
        return self._turns.back_after_s(key.of(exchange.method, exchange))

    def describe(self) -> dict[str, object]:
        """Say how each key stands, by its position."""
        states = []
        for key in self.keys:
            doubted = key.refused == key.version()
            left_s = (key.hold_until() if doubted else key.learned.hold_until()) - self._clock()
            out = key.is_out and doubted
            states.append(
                {
                    "key": f"key {key.index + 1} of {len(self.keys)}",
                    "state": "refused" if out else "resting" if left_s > 0 else "ready",
                    "seconds_left": round(left_s, 1) if left_s > 0 and not out else None,
                    "in_flight": key.in_flight,
                }
            )
        usable = any(one["state"] == "ready" for one in states)
        return {"state": "valid" if usable else "resting", "keys": states}
