"""A key in a file that a provider refuses is read again: one that was replaced a moment ago serves at once.

Without this the calls between the rotation and the moment in which the new file is noticed would fail.
"""

from __future__ import annotations

from collections.abc import Awaitable

from outrider.plugin import Attempt, AttemptSend, Exchange, Response, Target


class Rotated:
    """The static credential of a target, as far as it stands in files."""

    times = 1

    def __init__(self, target: Target) -> None:
        assert target.auth is not None
        self._target = target
        self._secrets = [target.secret(ref) for ref in target.auth.files]

    def wrap(self, send: AttemptSend) -> AttemptSend:
        """Take note of what each attempt is signed in with."""

        def noted(attempt: Attempt) -> Awaitable[Response]:
            attempt.exchange.credential = self._version()
            return send(attempt)

        return noted

    def replaces(self, status: int) -> bool:
        """Whether the error table wants another one."""
        return "refresh" in self._target.on.status(status)

    async def renew(self, exchange: Exchange) -> bool:
        """Read the files again; whether what they hold now is not what was refused."""
        self._target.read_again()
        return self._version() != exchange.credential

    def rests_s(self, exchange: Exchange) -> float | None:
        """A limit is the target's."""
        return None

    def describe(self) -> dict[str, object]:
        """Say where it is from."""
        return {"state": "ready", "from": [str(secret.ref) for secret in self._secrets]}

    def _version(self) -> tuple[int, ...]:
        return tuple(secret.version for secret in self._secrets)
