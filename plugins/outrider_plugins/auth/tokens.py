"""Tokens: a credential with a lifetime, renewed before it ends, by one request however many wait for it.

1. A token that is still good is given at once. Past its refresh time a refresh begins beside the call.
2. Without one, calls wait for one refresh that they share. It is a task of its own: a caller that leaves,
   the one that began it too, takes nothing from the others.
3. A refresh that failed in passing is tried again after a pause; the old token serves until it ends.
4. A credential that was refused stays refused, without another request, until it is replaced.

Nothing runs for an integration that is not called.
"""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic

from outrider.plugin import (
    CredentialRefreshed,
    Field,
    OutriderError,
    Target,
    Unavailable,
    conceal,
    field,
    spawn,
)
from outrider_plugins.limits.meter import Bucket

LOG = logging.getLogger("outrider")

#: A token is renewed so long before its end, in seconds, or a tenth of its life if that is longer, but
#: never before half of it.
AHEAD_S = 60.0
#: The last of a token's life is not relied on: clocks run apart, and a request takes its time.
SKEW_S = 5.0
#: Pauses after failed refreshes, in seconds: the first, doubled each time, and the longest.
PAUSE_S, PAUSE_MAX_S = 1.0, 60.0
#: A 401 forces a refresh at most this often: some calls are refused whatever the token.
FORCED, FORCED_PER_S = 5, 60.0
_REFUSED_RETRY_AFTER_S = 60.0


class Refused(Exception):
    """The credential itself was refused, the text says how: another request would be refused as well."""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A token; `seconds` is how long it lives from when it was asked for, None where nobody says."""

    value: str
    seconds: float | None = None

    def __repr__(self) -> str:
        return f"<Token for {'an unknown time' if self.seconds is None else f'{self.seconds:g} s'}>"

    @property
    def field(self) -> Field:
        """The field it goes into (RFC 6750)."""
        return field("Authorization", f"Bearer {self.value}")


class Grant(ABC):
    """How one target asks for tokens."""

    target: Target

    @property
    @abstractmethod
    def identity(self) -> object:
        """Give what tells its tokens apart from those of another target with the same options."""

    @abstractmethod
    async def ask(self, known: Token | None) -> Token:
        """Ask for a token other than `known`. Refused, or an OutriderError for a failure in passing."""

    @abstractmethod
    def stamp(self) -> object:
        """Give what changes when the credential is replaced: a refusal holds until then."""


class TokenSource:
    """The token of one credential, for every target that uses it."""

    def __init__(
        self, *, clock: Callable[[], float] = monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._token: Token | None = None
        self._field: Field = (b"", b"")
        self._refresh_at = self._good_until = -inf
        self._doubted = False
        """A provider refused the token that we have, and another is under way."""
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._paused_until = -inf
        self._why = ""
        self._refused: object = None
        """The stamp of the credential that was refused."""
        self._forced = Bucket(FORCED / FORCED_PER_S, FORCED, clock=clock)

    def __repr__(self) -> str:
        return f"<TokenSource {self.describe()}>"

    def ready(self, grant: Grant) -> Token | None:
        """Give the token if it is good now, and see to its renewal in time."""
        now = self._clock()
        if now < self._refresh_at and not self._doubted:
            return self._token
        if now >= self._good_until or self._doubted:
            return None
        if now >= self._paused_until and self._refused is None:
            self._refresh(grant, self._token)
        return self._token

    @property
    def field(self) -> Field:
        """The field of the token that is `ready`."""
        return self._field

    async def wait(self, grant: Grant, until: float) -> Token:
        """Give the token, after a refresh if need be. Unavailable if there is none by `until`."""
        token = self.ready(grant)
        if token is not None:
            return token
        if not self._running:
            self._check(grant)
        await self._finished(self._refresh(grant, self._token), until)
        token = self.ready(grant)
        if token is None:
            self._check(grant)
            raise Unavailable(f"{_of(grant)}: no token in time", retry_after_s=PAUSE_S)
        return token

    async def renew(self, grant: Grant, used: object, until: float) -> bool:
        """Get another token than `used`, which a provider refused; whether there is one now."""
        if self._token is not None and self._token is not used and self.ready(grant) is not None:
            return True
        if not self._running:
            if self._is_refused(grant) or self._clock() < self._paused_until or not self._forced.take():
                return False
            self._doubted = True
        await self._finished(self._refresh(grant, self._token), until)
        return self._token is not used and self.ready(grant) is not None

    async def settled(self) -> None:
        """Wait for the refresh under way, if there is one."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def describe(self) -> dict[str, object]:
        """Say how it stands, without the token."""
        left_s = self._good_until - self._clock()
        state = "refused" if self._refused is not None else "valid" if left_s > 0 else "none"
        return {
            "state": state,
            "seconds_left": round(left_s) if 0 < left_s < inf else None,
            "refreshing": self._running,
            "trouble": self._why,
        }

    @property
    def _running(self) -> bool:
        return self._task is not None and not self._task.done()

    def _is_refused(self, grant: Grant) -> bool:
        if self._refused is not None and self._refused != grant.stamp():
            self._refused = None
        return self._refused is not None

    def _check(self, grant: Grant) -> None:
        """Raise Unavailable where another request for a token would be no use now."""
        if self._is_refused(grant):
            raise Unavailable(
                f"{_of(grant)} was refused: {self._why}; replace it", retry_after_s=_REFUSED_RETRY_AFTER_S
            )
        left_s = self._paused_until - self._clock()
        if left_s > 0:
            raise Unavailable(f"{_of(grant)}: no token: {self._why}", retry_after_s=left_s)

    def _refresh(self, grant: Grant, known: Token | None) -> asyncio.Task[None]:
        """Begin a refresh, or give the one under way."""
        if self._task is None or self._task.done():
            self._task = spawn(self._ask(grant, known), name=f"token of {grant.target.name}")
        return self._task

    async def _finished(self, task: asyncio.Task[None], until: float) -> None:
        await asyncio.wait({task}, timeout=max(0.0, until - self._clock()))

    async def _ask(self, grant: Grant, known: Token | None) -> None:
        stamp = grant.stamp()
        result, asked_at = "failed", self._clock()
        try:
            self._take(await grant.ask(known), asked_at)
            result = "ok"
        except Refused as refused:
            self._refused, self._why, result = stamp, str(refused), "refused"
        except OutriderError as error:
            self._pause(error.detail, error.retry_after_s)
        except Exception:
            LOG.exception("%s: asking for a token raised", _of(grant))
            self._pause("asking for one raised, as the log says", None)
        finally:
            self._doubted = False
        grant.target.events.emit(CredentialRefreshed(grant.target, result, self._why))

    def _pause(self, why: str, retry_after_s: float | None) -> None:
        pause_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** min(self._failures, 16)) * (0.5 + self._chance() / 2)
        self._failures += 1
        self._paused_until = self._clock() + max(pause_s, min(retry_after_s or 0.0, PAUSE_MAX_S))
        self._why = why

    def _take(self, token: Token, asked_at: float) -> None:
        conceal(token.value)
        self._field = token.field
        life_s = inf if token.seconds is None else token.seconds
        ahead_s = min(max(AHEAD_S, life_s / 10), life_s / 2) if life_s < inf else 0.0
        self._good_until = asked_at + life_s - min(SKEW_S, life_s / 10 if life_s < inf else 0.0)
        # Those who got their tokens at the same moment do not come back at the same moment.
        self._refresh_at = asked_at + life_s - ahead_s * (1.0 - 0.2 * self._chance()) if ahead_s else inf
        self._token = token
        self._failures, self._why, self._refused, self._paused_until = 0, "", None, -inf


def _of(grant: Grant) -> str:
    return f"integration '{grant.target.name}': the credential"
