"""A key that a provider refuses is read again: one that was replaced a moment ago serves at once.

Without this the calls between the rotation and the moment in which a new file is noticed would fail, and
where a command or a keyring gives the key, all calls until a reload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from math import inf
from time import monotonic

from outrider.plugin import Attempt, AttemptSend, Exchange, Response, Target, spawn

#: Seconds between two runs of a command, or looks into a keyring: a 401 may well be for another reason.
ASK_EVERY_S = 60.0


class Rotated:
    """The static credential of a target, as far as it may be replaced."""

    times = 1

    def __init__(self, target: Target) -> None:
        assert target.auth is not None
        self._target = target
        self._secrets = [target.secret(ref) for ref in target.auth.rotating]
        self._to_ask = [secret.ref for secret in self._secrets if secret.ref.kind != "file"]
        self._asking: asyncio.Task[None] | None = None
        self._ask_at = -inf

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
        """Read it again; whether what there is now is not what was refused."""
        self._target.read_again()
        if self._to_ask and self._version() == exchange.credential:
            await self._ask(exchange.left_s)
        return self._version() != exchange.credential

    async def _ask(self, within_s: float) -> None:
        """Run the commands once for all that wait."""
        if self._asking is None or self._asking.done():
            if monotonic() < self._ask_at:
                return
            self._ask_at = monotonic() + ASK_EVERY_S
            ask = asyncio.to_thread(self._target.read_again, self._to_ask)
            self._asking = spawn(ask, name=f"secret of {self._target.name}")
        await asyncio.wait({self._asking}, timeout=within_s)

    def rests_s(self, exchange: Exchange) -> float | None:
        """A limit is the target's."""
        return None

    def describe(self) -> dict[str, object]:
        """Say where it is from."""
        return {"state": "ready", "from": [str(secret.ref) for secret in self._secrets]}

    def _version(self) -> tuple[int, ...]:
        return tuple(secret.version for secret in self._secrets)
