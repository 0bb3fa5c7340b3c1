"""Backoff: when to try again, and when to stop, by tenacity's strategies built once at load.

The strategies are asked directly: `AsyncRetrying` around a call that succeeds costs 43 µs, and the
question comes up only after a failure. Full jitter spreads those who failed together over the whole
interval (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_random_exponential

from outrider.config import Jobs, Retry


class Backoff:
    """The `attempts`, `base` and `cap` of `[integrations.NAME.retry]`, or of `jobs`."""

    __slots__ = ("_options", "_retrying", "_stop", "_wait")

    def __init__(self, options: Retry | Jobs) -> None:
        self._options = options
        self._stop = stop_after_attempt(options.attempts)
        self._wait = wait_random_exponential(multiplier=options.base, max=options.cap)
        # Never called: a strategy is asked with a RetryCallState, and that belongs to one of these.
        self._retrying = Retrying(stop=self._stop, wait=self._wait)

    def __repr__(self) -> str:
        options = self._options
        return f"<Backoff {options.attempts} attempts, {options.base:g} s to {options.cap:g} s>"

    def exhausted(self, attempts_made: int) -> bool:
        """Whether no attempt is left after so many."""
        return self._stop(self._after(attempts_made))

    def delay_s(self, attempts_made: int) -> float:
        """Draw the seconds to wait after n attempts, anything from 0 to min(cap, base * 2**(n - 1))."""
        return self._wait(self._after(attempts_made))

    def _after(self, attempts_made: int) -> RetryCallState:
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = attempts_made
        return state
