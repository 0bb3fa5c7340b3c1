"""What is counted for an integration: plain numbers, since the request path adds to them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from weakref import WeakSet

from prometheus_client.samples import Exemplar

from outrider.plugin import Integration

#: Seconds. APIs answer within tens of milliseconds, language models within minutes.
REQUEST_BUCKETS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
)
OVERHEAD_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0)

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
EXACT = frozenset((401, 429, 503))


class Histogram:
    """Counts seconds into buckets, and knows the newest exchange of each."""

    __slots__ = ("bounds", "counts", "ids", "newest", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        # The exemplars: two lists, since a tuple for each observation would cost as much as the counting.
        self.ids = [""] * len(self.counts)
        self.newest = [0.0] * len(self.counts)

    def add(self, seconds: float, id: str) -> None:
        """Count one observation, of an exchange."""
        at = bisect_left(self.bounds, seconds)
        self.counts[at] += 1
        self.total += seconds
        self.ids[at] = id
        self.newest[at] = seconds

    def buckets(self) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
        """Give the cumulative counts, as Prometheus has them, each with the newest exchange of the bucket."""
        found: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        below = 0.0
        bounds = (*map(str, self.bounds), "+Inf")
        for bound, count, id, seconds in zip(bounds, self.counts, self.ids, self.newest, strict=True):
            below += count
            if id:
                found.append((bound, below, Exemplar({"outrider_id": id}, seconds)))
            else:
                found.append((bound, below))
        return found


class Traffic:
    """What was counted for one integration, across reloads."""

    __slots__ = (
        "attempts",
        "breakers",
        "budget_spent",
        "clients",
        "credentials",
        "deprecated",
        "failovers",
        "key_limits",
        "keys",
        "overhead",
        "request",
        "requests",
        "retries",
        "running",
        "upstream",
        "waits",
    )

    def __init__(self) -> None:
        self.running: WeakSet[Integration] = WeakSet()
        """As it runs now, and as it ran before a reload while that has exchanges under way."""
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By method, and status or 0 for an app that left before there was one."""
        self.clients: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By client and status, where there are clients."""
        self.deprecated: defaultdict[str, int] = defaultdict(int)
        """Calls of a deprecated integration, by client."""
        self.credentials: defaultdict[str, int] = defaultdict(int)
        """Tokens asked for, by result."""
        self.attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By target and result."""
        self.retries: defaultdict[str, int] = defaultdict(int)
        """By reason: a status, or a kind of failure."""
        self.budget_spent: defaultdict[str, int] = defaultdict(int)
        """Retries that were refused for the budget, by target."""
        self.failovers: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By the target that failed and the one that came next."""
        self.breakers: dict[str, bool] = {}
        """Whether it is open, by target."""
        self.keys: dict[int, bool] = {}
        """Whether a key of the pool is refused, by its position."""
        self.key_limits: defaultdict[int, int] = defaultdict(int)
        """How often a key of the pool was limited, likewise."""
        self.waits = Histogram(REQUEST_BUCKETS)
        """Of attempts that had to wait for their turn at a limit."""
        self.request = Histogram(REQUEST_BUCKETS)
        self.overhead = Histogram(OVERHEAD_BUCKETS)
        self.upstream: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(REQUEST_BUCKETS))


def status_label(status: int) -> str:
    """Give the class of a status; 401, 429 and 503 as they are; an app that left is 4xx, as nginx's 499.

    A 101 is a 2xx: the contract has no other class for what went well.
    """
    if status in EXACT:
        return str(status)
    return f"{max(status // 100, 2)}xx" if status else "4xx"
