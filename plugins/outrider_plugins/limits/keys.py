"""Keys: what is counted and told for one credential. A target without a pool has one key, itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from outrider.plugin import Exchange

from .learned import Learned
from .meter import Clock, Meter
from .turns import Meters


class Key:
    """One credential of a target: its limits, and whether it can be used.

    `shared` are the meters of the target, which every key of a pool passes; `own` those of this key alone.
    """

    def __init__(
        self,
        index: int,
        shared: Sequence[Meter],
        own: Sequence[Meter],
        told: Meter,
        *,
        version: Callable[[], object] = lambda: None,
        clock: Clock = monotonic,
    ) -> None:
        self.index = index
        self.own = tuple(own)
        self.told = told
        """What holds it back, by the provider's word."""
        self.meters: Meters = (*shared, *own, told)
        self.learned = Learned(clock)
        self.in_flight = 0
        self.knows = False
        """Whether the provider has told anything yet."""
        self.version = version
        """Gives what changes with its secret."""
        # What a pool knows of it.
        self.refused: object = None
        """The version that was refused last, unless it was accepted since."""
        self.refusals = 0
        """In a row."""
        self.doubted_until = 0.0
        self.is_out = False
        self.passes_all = all(meter.matches is None for meter in self.meters)
        """Whether every call passes all of its meters."""

    def __repr__(self) -> str:
        return f"<Key {self.index + 1}{' out' if self.is_out else ''}, {self.in_flight} in flight>"

    def of(self, method: str, exchange: Exchange) -> Meters:
        """Give the meters that a call with this key passes, `told` last."""
        if self.passes_all:
            return self.meters
        path = exchange.path
        return tuple(m for m in self.meters if m.matches is None or m.matches(method, path))

    def hold_until(self) -> float:
        """Give the moment before which nothing may be sent with it; a past one if there is none."""
        return max(self.learned.hold_until(), self.doubted_until)

    def trust(self) -> None:
        """Forget that it was refused."""
        self.refused, self.refusals, self.doubted_until, self.is_out = None, 0, 0.0, False
