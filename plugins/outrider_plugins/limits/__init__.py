"""Limits: a call waits its turn, first come first served, or is refused with the time to come back.

`[[integrations.NAME.limits]]` says what we keep to; a provider's responses say what it counts, and
hold back the next call before it earns a 429. Attempts are counted, as the provider counts them.
Where a target has a pool of keys, each has limits of its own, and so the key is chosen here (`pool.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic, time
from weakref import WeakKeyDictionary

from outrider.config import Limit
from outrider.events import LimitNearlyUsed, LimitWaited
from outrider.judged import seconds_asked
from outrider.plugin import (
    Attempt,
    AttemptSend,
    Events,
    Layer,
    Limited,
    Response,
    Secret,
    Stage,
    Target,
    hookimpl,
)

from .keys import Key
from .learned import read, retry_after, silent
from .meter import Meter, longest_wait_s
from .pool import Pool, Turn
from .turns import SentAway, Turns, WouldWait

#: Two waits that differ by less are one.
_MOMENT_S = 0.05


class Limits:
    """The limits of one target and of each key of its pool: those of the file, and those it is told of."""

    def __init__(self, target: Target, events: Events, *, clock: Callable[[], float] = monotonic) -> None:
        # Not the target itself: what a page asks by target must not keep it alive after a reload.
        self._name = target.name
        self._provider = target.provider
        self._peeks = target.reads_errors
        self._events = events
        self._clock = clock
        limits = target.config.limits or ()
        refs = target.auth.keys if target.auth is not None else ()
        secrets = [[target.secret(ref) for ref in key] for key in refs] or [[]]
        earlier = _LIMITS.get(target.before) if target.before is not None else None
        kept = earlier if earlier is not None and earlier._limits == limits else None
        self._limits: tuple[Limit, ...] = limits
        shared = (
            [Meter.configured(limit, clock=clock) for limit in limits if limit.scope == "target"]
            if kept is None
            else kept._shared
        )
        self._keys: list[Key] = [
            Key(
                index,
                shared,
                [Meter.configured(limit, clock=clock) for limit in limits if limit.scope == "key"]
                if kept is None
                else kept._keys[index].own,
                Meter("the provider's own", clock=clock) if kept is None else kept._keys[index].told,
                version=partial(_version, one),
                clock=clock,
            )
            for index, one in enumerate(secrets)
        ]
        self._shared: list[Meter] = shared
        each = [meter for key in self._keys for meter in (*key.own, key.told)]
        self._turns: Turns = (
            Turns((*shared, *each), clock=clock, call_at=_call_at) if kept is None else kept._turns
        )
        # The provider does not forget what it has counted because we read our file again. Calls wait in the
        # turns that are kept, and this is not their thread: they are left as they are.
        for key, old in zip(self._keys, earlier._keys if earlier is not None else (), strict=False):
            key.learned, key.knows = old.learned, old.knows
            if kept is None and (until := key.hold_until()) > clock():
                key.told.hold_until = until
        self._holds_slots = any(limit.concurrency is not None for limit in limits)
        self._slots_of_keys = any(limit.concurrency is not None and limit.scope == "key" for limit in limits)
        self.pool: Pool | None = None
        """Which key is next, where there are several."""
        if len(self._keys) > 1:
            self.pool = Pool(self._keys, self._turns, hold=self._hold, clock=clock)

    def wrap(self, send: AttemptSend) -> AttemptSend:
        """Give the `send` that waits its turn."""
        turns, pool, only, peeks = self._turns, self.pool, self._keys[0], self._peeks
        told = only.told
        always = (only, only.meters) if only.passes_all else None

        async def limited(attempt: Attempt) -> Response:
            if pool is None:
                turn = always or (only, only.of(attempt.method, attempt.exchange))
                # Its word is the last of them: it counts nothing, and mostly there is none.
                meters = turn[1] if told.hold_until or told.waiting else turn[1][:-1]
                if meters and not turns.take(meters):
                    await self._wait(attempt, lambda: turn)
            else:
                turn = pool.take(attempt) or await self._wait(attempt, partial(pool.soonest, attempt))
                pool.sign_in(attempt, turn[0])
            key = turn[0]
            number = key.learned.sent()
            if key.knows:
                self._hold(key)  # the provider's count may be used up by those under way
            key.in_flight += 1
            version = key.version() if pool is not None else None
            response: Response | None = None
            try:
                answered = await send(attempt)
                if peeks and answered.status >= 400:
                    await _read(answered, attempt.exchange.left_s)
                response = answered
                return response
            finally:
                key.in_flight -= 1
                if self._holds_slots:
                    if response is None:
                        self._done(turn)
                    else:
                        response.on_close(lambda: self._done(turn))
                if response is not None:
                    try:
                        if response.meant >= 400 or not silent(response.fields):
                            self._learn(key, response, number)
                        if pool is not None:
                            pool.answered(attempt, key, version, response)
                    except BaseException:
                        response.close()  # the provider's plugin raised
                        raise

        return limited

    def describe(self) -> dict[str, object]:
        """Say what is configured, and what the provider has told, for a page."""
        several = self.pool is not None
        configured: list[dict[str, object]] = [_described(meter) for meter in self._shared]
        learned: list[dict[str, object]] = []
        for key in self._keys:
            named = {"key": key.index + 1} if several else {}
            configured += [{**_described(meter), **named} for meter in key.own]
            learned += [{**row, **named} for row in key.learned.snapshot()]
        return {"configured": configured, "learned": learned}

    async def _wait(self, attempt: Attempt, choose: Callable[[], Turn]) -> Turn:
        """Wait for a turn, in the line that is chosen: again where that is dissolved."""
        exchange, began = attempt.exchange, self._clock()
        refused = True
        try:
            while True:
                turn = choose()
                # In the background it goes when nobody else waits, and is told when to come back.
                wait_s = 0.0 if exchange.in_background else longest_wait_s(turn[1])
                wait_s = min(wait_s, exchange.deadline - began)
                try:
                    await self._turns.wait(turn[1], until=began + wait_s)
                except SentAway:
                    continue
                refused = False
                return turn
        except WouldWait as would:
            held = [meter for meter in turn[1] if not meter.observe]
            names = ", ".join(meter.name for meter in [one for one in held if not one.has_room()] or held)
            limited = Limited(
                f"integration '{self._name}': no turn within {max(0.0, wait_s):.3g} s ({names})",
                retry_after_s=would.retry_after_s,
            )
            wide = tuple(meter for meter in turn[1] if meter.matches is None)
            if len(wide) < len(turn[1]):  # the clock has gone on a little since
                limited.narrow = self._turns.back_after_s(wide) < would.retry_after_s - _MOMENT_S
            raise limited from None
        finally:
            waited_s = self._clock() - began
            exchange.waited_s += waited_s
            self._events.emit(LimitWaited(attempt, waited_s, refused))

    def _done(self, turn: Turn) -> None:
        """Give back the slots of an attempt that ended."""
        key, meters = turn
        self._turns.done(meters)
        if self.pool is not None and self._slots_of_keys and not key.told.waiting:
            # Its slot is free, and who waits for one of another key need not.
            for other in self._keys:
                if other.told.waiting:
                    self._turns.send_away(other.told, most=1)
                    return

    def _learn(self, key: Key, response: Response, number: int) -> None:
        status = response.meant
        if status >= 400 and self._provider is not None and self._provider.limited(response):
            status = 429
        seens = read(status, response.headers, time()) if not response.made_here else ()
        if seens:
            key.knows = True
            key.learned.observe(list(seens), key.in_flight, number)
            for seen in seens:
                if seen.nearly_used:
                    self._events.emit(
                        LimitNearlyUsed(self._name, seen.name, seen.remaining or 0, seen.limit or 0)
                    )
        if status == 429:
            asked_s = seconds_asked(self._provider, response)
            key.learned.hold(asked_s or retry_after(response.headers, time()) or 0.0)
        elif not seens:
            return
        self._hold(key)

    def _hold(self, key: Key) -> None:
        told, until = key.told, key.hold_until()
        if until == told.hold_until or (until <= self._clock() and not told.hold_until):
            return
        self._turns.hold(told, until)
        if self.pool is not None and told.waiting:
            self._turns.send_away(told)


def _version(secrets: Iterable[Secret]) -> object:
    return tuple(secret.version for secret in secrets)


def _described(meter: Meter) -> dict[str, object]:
    return {
        "limit": meter.name,
        "in_flight": meter.in_flight,
        "waiting": meter.waiting,
        "observe": meter.observe,
        "would_have_limited": meter.would_have_limited,
    }


def _call_at(when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_at(when, callback)


async def _read(response: Response, within_s: float) -> None:
    """Read an error's body, for the provider to judge; let go of it where that fails."""
    try:
        await response.peek(within_s=within_s)
    except BaseException:
        response.close()
        raise


_LIMITS: WeakKeyDictionary[Target, Limits] = WeakKeyDictionary()


def used(target: Target) -> float | None:
    """Give the share that is used of the provider's own limit, of the fullest one; None: not known."""
    learned = describe(target)["learned"]
    assert isinstance(learned, list)
    shares = [
        1 - one["remaining"] / one["limit"]
        for one in learned
        if one["limit"] and one["remaining"] is not None
    ]
    return round(max(shares), 3) if shares else None


def describe(target: Target) -> dict[str, object]:
    """Say what limits a target has, configured and learned."""
    limits = _LIMITS.get(target)
    return limits.describe() if limits is not None else {"configured": [], "learned": []}


@hookimpl
def outrider_target_layers(target: Target, events: Events) -> Iterable[Layer[Attempt]]:
    """Give every target its limits: a provider may tell of some where the file has none."""
    limits = _LIMITS[target] = Limits(target, events)
    if limits.pool is not None:
        target.credential = limits.pool
    return [Layer(stage=Stage.LIMIT, wrap=limits.wrap)]
