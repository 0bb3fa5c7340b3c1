"""What begins an alert, and what ends it: one method for each event."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from time import monotonic

from outrider.plugin import (
    BreakerClosed,
    BreakerOpened,
    BudgetSpent,
    CredentialRefreshed,
    DeprecatedCall,
    Events,
    JobDelivered,
    JobsGivenUp,
    KeyChanged,
    LimitNearlyUsed,
    Reloaded,
    TargetFailed,
    TargetRecovered,
)
from outrider.wording import seconds

from .book import Book

#: Seconds for which a run of 401s that is over is remembered.
_FLAPS_S = 3600.0


class Flaps:
    """The 401s of a target that also answers well: its key is good, and some calls are not for it.

    Each run of them that was over within the last hour doubles how many in a row begin another one.
    """

    def __init__(self) -> None:
        self.in_a_row = 0
        self._overs: deque[float] = deque(maxlen=16)

    def is_news(self, now: float) -> bool:
        """Take in one more, and say whether it is worth an alert."""
        self.in_a_row += 1
        return self.in_a_row >= 1 << sum(now - over < _FLAPS_S for over in self._overs)

    def over(self, now: float) -> None:
        """End a run that was told."""
        self.in_a_row = 0
        self._overs.append(now)


class Ear:
    """Hears what happens, and writes it into the book."""

    def __init__(self, book: Book, *, clock: Callable[[], float] = monotonic) -> None:
        self._book = book
        self._clock = clock
        self._flaps: defaultdict[str, Flaps] = defaultdict(Flaps)

    def subscribe(self, events: Events) -> None:
        """Listen to one configuration."""
        events.on(TargetFailed, self.failed)
        events.on(TargetRecovered, self.recovered)
        events.on(KeyChanged, self.key_changed)
        events.on(BreakerOpened, self.opened)
        events.on(BreakerClosed, self.closed)
        events.on(CredentialRefreshed, self.refreshed)
        events.on(BudgetSpent, self.budget_spent)
        events.on(JobDelivered, self.delivered)
        events.on(JobsGivenUp, self.given_up)
        events.on(DeprecatedCall, self.deprecated)
        events.on(LimitNearlyUsed, self.limit_nearly_used)
        events.on(Reloaded, self.reloaded)

    def failed(self, event: TargetFailed) -> None:
        """A target failed an exchange for good, and `on` says `alert` of it."""
        if "alert" not in event.actions:
            return
        target, reason, id = event.target, event.reason, event.exchange.id
        if reason == "401":
            if self._flaps[target.name].is_news(self._clock()):
                text = "failed: 401, its key is not accepted"
                self._book.begin(target.name, "invalid-key", reason, text, id=id)
        else:
            own = reason.startswith("4") or reason == "limited"  # the provider is not what is wrong
            text = f"failed: {reason}"
            self._book.begin(target.name, "failing", reason, text, None if own else target, id)

    def recovered(self, event: TargetRecovered) -> None:
        """It answers again."""
        self._book.end(event.target.name, ("failing",), "answers again")
        if self._book.end(event.target.name, ("invalid-key",), "answers again", "401"):
            self._flaps[event.target.name].over(self._clock())
        else:
            self._flaps[event.target.name].in_a_row = 0

    def key_changed(self, event: KeyChanged) -> None:
        """A key of a pool was taken out, or is back; one that rests is no trouble."""
        name, which = event.target.name, f"key {event.position} of {event.of}"
        if event.change == "refused":
            text = f"{which} was refused and is left out; replace it"
            self._book.begin(name, "invalid-key", which, text)
        elif event.change == "back":
            self._book.end(name, ("invalid-key",), f"{which} is used again", which)

    def opened(self, event: BreakerOpened) -> None:
        """A target is left alone."""
        text = f"left alone for {seconds(event.seconds)}: {event.why}"
        self._book.begin(event.target.name, "breaker", "open", text, event.target)

    def closed(self, event: BreakerClosed) -> None:
        """Its breaker has closed."""
        self._book.end(event.target.name, ("breaker",), "answers again")

    def refreshed(self, event: CredentialRefreshed) -> None:
        """A token was asked for: it came, or the request failed in passing, or was refused for good."""
        name = event.target.name
        if event.result == "ok":
            self._book.end(name, ("credential",), "has a credential again")
        elif event.result == "refused":
            text = f"its credential was refused: {event.why}; replace it"
            self._book.begin(name, "credential", "refused", text)
        else:
            self._book.begin(name, "credential", "failed", f"its credential was not refreshed: {event.why}")

    def budget_spent(self, event: BudgetSpent) -> None:
        """Retries are refused, for the provider's good."""
        text = "its retry budget is spent: what fails is not tried again"
        self._book.begin(event.target.name, "budget", "spent", text, id=event.exchange.id)

    def delivered(self, event: JobDelivered) -> None:
        """A job was delivered, or is dead, or is tried again, which is no trouble yet."""
        if event.state == "failed":
            text = f"job {event.id} failed for good: {event.reason}; outrider jobs retry sends it again"
            self._book.begin(event.integration, "job", "failed", text, id=event.exchange_id)

    def given_up(self, event: JobsGivenUp) -> None:
        """Jobs are dead that nobody took in time."""
        jobs = "1 job" if event.count == 1 else f"{event.count} jobs"
        text = f"{jobs} failed for good, not delivered in time; outrider jobs retry sends what failed again"
        self._book.begin(event.integration, "job", "expired", text)

    def deprecated(self, event: DeprecatedCall) -> None:
        """Somebody still calls what should be called no longer."""
        exchange = event.exchange
        who = f"client '{exchange.client}'" if exchange.client else "somebody"
        text = f"it is deprecated, and {who} still calls it"
        reason = exchange.client or "any"
        self._book.begin(exchange.integration.name, "deprecated", reason, text, id=exchange.id)

    def limit_nearly_used(self, event: LimitNearlyUsed) -> None:
        """Little is left of a limit of the provider's."""
        text = f"{event.remaining} of {event.of} are left of the provider's limit '{event.limit}'"
        self._book.begin(event.integration, "limit", event.limit, text)

    def reloaded(self, event: Reloaded) -> None:
        """There is a new configuration."""
        if event.ok:
            self._book.reloaded()
