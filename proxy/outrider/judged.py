"""Bodies that a provider's plugin judges: asked for legibly, and errors in a 200 understood."""

from __future__ import annotations

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
            except BaseException:
                response.close()  # the app has left, or the provider's plugin raised
                raise
        return response

    return understood
