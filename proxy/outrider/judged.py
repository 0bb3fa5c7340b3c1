"""What a provider's plugin says of responses: bodies asked for legibly, errors in a 200 understood."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from .config import Call

if TYPE_CHECKING:
    from .exchange import Attempt
    from .layers import AttemptSend
    from .provider import Provider
    from .response import Response

#: Bytes of a success that are read before it is passed on; what says "slow down" is short.
_CAP = 16 * 1024
#: Codings of a body that can be read here (`Response.text`).
_LEGIBLE = frozenset(("identity", "gzip", "x-gzip", "deflate"))


class ProviderMistake(TypeError):
    """A method of a provider gave what nobody can work with; `module` is that of its class."""

    def __init__(self, provider: Provider, what: str) -> None:
        super().__init__(f"provider '{provider.name}': {what}")
        self.module = type(provider).__module__


def word_of(provider: Provider | None, response: Response) -> bool | None:
    """Give a provider's own word on whether to retry, None where it has none. ProviderMistake for others."""
    word = provider.should_retry(response) if provider is not None else None
    if word is None or isinstance(word, bool):
        return word
    assert provider is not None
    raise ProviderMistake(provider, f"should_retry gave {type(word).__name__}; give True, False or None")


def seconds_asked(provider: Provider | None, response: Response) -> float | None:
    """Give the seconds that a provider reads of a response, None for none. ProviderMistake likewise."""
    seconds = provider.retry_after(response) if provider is not None else None
    if seconds is None or (isinstance(seconds, int | float) and math.isfinite(seconds)):
        return seconds
    assert provider is not None
    given = str(seconds) if isinstance(seconds, float) else type(seconds).__name__
    raise ProviderMistake(provider, f"retry_after gave {given}; give seconds as a number, or None")


def ask_legibly(attempt: Attempt) -> None:
    """Leave out of Accept-Encoding what nobody here could read: a spent quota in brotli is only a 429."""
    fields = attempt.fields
    for index, (name, value) in enumerate(fields):
        if len(name) == 15 and name.lower() == b"accept-encoding":
            fields[index] = (name, _legible(value))


@lru_cache(maxsize=256)
def _legible(offered: bytes) -> bytes:
    offers = offered.decode("latin-1").split(",")
    kept = [one.strip() for one in offers if one.partition(";")[0].strip().lower() in _LEGIBLE]
    return offered if len(kept) == len(offers) else ", ".join(kept).encode("latin-1") or b"identity"


def judged(send: AttemptSend, provider: Provider) -> AttemptSend:
    """Give the `send` that asks a provider what the successes of its `judged_calls` mean."""
    calls = tuple(Call.parse(call) for call in provider.judged_calls)

    async def understood(attempt: Attempt) -> Response:
        response = await send(attempt)
        path = attempt.exchange.path
        if response.status < 400 and any(call.matches(attempt.method, path) for call in calls):
            try:
                await response.peek(_CAP, within_s=attempt.exchange.left_s)
                if provider.limited(response):
                    response.meant = 429
                elif provider.key_refused(response):
                    response.meant = 401
                elif any(sign.seen_in(response) for sign in provider.failure_signs):
                    response.meant = 503
            except BaseException:
                response.close()  # the app has left, or the provider's plugin raised
                raise
        return response

    return understood
