"""Budget: how many retries a target gets, so that those who wait for an outage's end do not prolong it.

The idea is Finagle's (`RetryBudget`) and Linkerd's: retries are a share of requests, and a floor
keeps a target with few calls from having none. Counts are kept in slots of half a second, not as
a list of times: a request costs a clock and an addition, whatever the load.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

#: Seconds over which retries are compared with requests.
WINDOW_S = 10.0
#: Retries in a window that need no requests.
FLOOR = 10

_SLOTS = 20
_SLOT_S = WINDOW_S / _SLOTS


class Budget:
    """The retries of one target: at most max(10, share * requests) in 10 s.

    That holds whenever a retry is allowed, for the 10 s that end then. Slots err on the safe side:
    up to half a second of older retries is counted in, and of older requests left out.
    """

    __slots__ = (
        "_clock",
        "_earlier",
        "_earlier_requests",
        "_earlier_retries",
        "_ends",
        "_requests",
        "_retries",
        "_slot",
        "_start",
        "share",
    )

    def __init__(self, share: float, *, clock: Callable[[], float] = monotonic) -> None:
        self.share = share
        self._clock = clock
        self._start = clock()
        # The mutable state of a budget is the slot under way and the ones before it, the oldest
        # first: the requests and retries of each. The sums are of those before it.
        self._slot = 0
        self._ends = self._start + _SLOT_S
        self._requests = 0
        self._retries = 0
        self._earlier: deque[list[int]] = deque(maxlen=_SLOTS)
        self._earlier_requests = 0
        self._earlier_retries = 0

    def __repr__(self) -> str:
        self._turn()
        requests, retries = self._earlier_requests + self._requests, self._earlier_retries + self._retries
        return f"<Budget {retries} of {self._allowed():g} retries, {requests} requests in {WINDOW_S:g} s>"

    def request(self) -> None:
        """Count the first attempt of an exchange."""
        if self._clock() >= self._ends:
            self._turn()
        self._requests += 1

    def spend(self) -> bool:
        """Ask for one retry. It counts from now on, so one that still sleeps is counted."""
        self._turn()
        if self._earlier_retries + self._retries + 1 > self._allowed():
            return False
        self._retries += 1
        return True

    def refund(self, age_s: float = 0.0) -> None:
        """Give back a retry that was never sent; `age_s` is how many seconds ago it was asked for.

        One that is older than the window is no longer counted, so there is nothing to give back.
        """
        if age_s >= WINDOW_S:
            return
        self._turn()
        # The oldest goes, whichever it was: to take a later one would forget it too early.
        for slot in self._earlier:
            if slot[1]:
                slot[1] -= 1
                self._earlier_retries -= 1
                return
        if self._retries:
            self._retries -= 1

    def _allowed(self) -> float:
        return max(FLOOR, self.share * (self._earlier_requests + self._requests))

    def _turn(self) -> None:
        """Close the slot under way when its time is over, and begin the one of now."""
        slot = int((self._clock() - self._start) / _SLOT_S)
        passed = slot - self._slot
        if passed <= 0:
            return
        self._earlier.append([self._requests, self._retries])
        self._earlier.extend([0, 0] for _ in range(min(passed - 1, _SLOTS)))
        self._slot, self._ends = slot, self._start + (slot + 1) * _SLOT_S
        self._requests = self._retries = 0
        # All slots together reach 10 s back or further: right for retries. For requests the oldest
        # is left out, so that they reach 10 s back or less.
        self._earlier_retries = sum(retries for _, retries in self._earlier)
        self._earlier_requests = sum(requests for requests, _ in self._earlier)
        if len(self._earlier) == _SLOTS:
            self._earlier_requests -= self._earlier[0][0]
