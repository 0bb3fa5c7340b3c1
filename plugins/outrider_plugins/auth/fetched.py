"""Auth types whose Bearer token is asked for: one request however many targets, loads and calls want it."""

from __future__ import annotations

from abc import abstractmethod
from weakref import WeakValueDictionary

from outrider.plugin import Attempt, AttemptSend, AuthType, Exchange, Response, Target

from .tokens import Grant, TokenSource

#: One for each credential: a reload, and integrations that share one, go on with the token there is.
_SOURCES: WeakValueDictionary[object, TokenSource] = WeakValueDictionary()


class FetchedToken(AuthType):
    """A Bearer token that is fetched, and renewed before it ends."""

    @abstractmethod
    def grant_of(self, target: Target) -> Grant:
        """Give how a target asks for it."""

    @property
    def headers(self) -> tuple[str, ...]:
        """The field it puts on."""
        return ("authorization",)

    @property
    def renews(self) -> bool:
        """After a 401 another token is fetched."""
        return True

    def wrap(self, target: Target, send: AttemptSend) -> AttemptSend:
        """Put a token on that is good now."""
        grant = self.grant_of(target)
        source = _SOURCES.setdefault((self, grant.identity), TokenSource())
        target.credential = _Credential(source, grant)
        ready = source.ready

        async def authorized(attempt: Attempt) -> Response:
            exchange = attempt.exchange
            exchange.credential = ready(grant) or await source.wait(grant, exchange.deadline)
            attempt.fields.append(source.field)
            return await send(attempt)

        return authorized


async def settle() -> None:
    """Wait until no token is under way."""
    for source in list(_SOURCES.values()):
        await source.settled()


class _Credential:
    """What the retry layer and the console know of it."""

    times = 1

    def __init__(self, source: TokenSource, grant: Grant) -> None:
        self._source = source
        self._grant = grant

    def replaces(self, status: int) -> bool:
        """Whether the error table wants another token."""
        return "refresh" in self._grant.target.on.status(status)

    async def renew(self, exchange: Exchange) -> bool:
        """Get another token than the one that was refused."""
        return await self._source.renew(self._grant, exchange.credential, exchange.deadline)

    def rests_s(self, exchange: Exchange) -> float | None:
        """A limit is the target's."""
        return None

    def describe(self) -> dict[str, object]:
        """Say how the token stands."""
        return self._source.describe()
