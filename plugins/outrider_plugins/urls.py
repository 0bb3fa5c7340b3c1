"""URLs in bodies: those that an SDK follows are turned back to the sidecar, where its provider names them.

Only the named members of JSON answers to the named calls, up to a cap; every other byte stays. Such a call
asks for an answer that is not compressed. An answer that is longer, or no JSON, is passed on as it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from outrider.config import Call
from outrider.links import turn_url
from outrider.plugin import Attempt, AttemptSend, Exchange, Layer, Response, Stage, Target, Whole, hookimpl

#: Bytes of one answer that are read for it.
CAP = 1024 * 1024

_STRING = rb'"(?:[^"\\]|\\.)*"'


class Urls:
    """The members of one target's answers that hold URLs."""

    def __init__(self, target: Target) -> None:
        assert target.provider is not None
        self._target = target
        self._calls = tuple((_matches(urls.call), _members(urls.fields)) for urls in target.provider.urls)

    def wrap(self, send: AttemptSend) -> AttemptSend:
        """Give the `send` that turns them back."""

        async def turned(attempt: Attempt) -> Response:
            # A fallback's URLs stay as they are: below the app's address is the first target.
            pattern = self._pattern(attempt) if attempt.exchange.integration.target is self._target else None
            if pattern is None:
                return await send(attempt)
            attempt.headers.set("Accept-Encoding", "identity")
            response = await send(attempt)
            try:
                await self._turn(response, pattern, attempt.exchange)
            except BaseException:
                response.close()
                raise
            return response

        return turned

    def _pattern(self, attempt: Attempt) -> re.Pattern[bytes] | None:
        path = attempt.exchange.path
        return next((found for matches, found in self._calls if matches(attempt.method, path)), None)

    async def _turn(self, response: Response, pattern: re.Pattern[bytes], exchange: Exchange) -> None:
        kind = response.headers.get("Content-Type") or ""
        if "json" not in kind or "Content-Encoding" in response.headers:
            return
        await response.peek(CAP, within_s=exchange.left_s)
        if not isinstance(response.body, Whole):
            return

        def back(found: re.Match[bytes]) -> bytes:
            try:
                url = json.loads(found["url"])
            except ValueError:
                return found[0]
            turned = turn_url(url, self._target.places, exchange.base)
            return found[0] if turned == url else found["name"] + json.dumps(turned).encode()

        data = pattern.sub(back, response.body.data)
        if data != response.body.data:
            response.body = Whole(data)


def _matches(call: str) -> Callable[[str, str], bool]:
    if " " in call:
        return Call.parse(call).matches
    return lambda method, _: call in ("", method)


def _members(fields: tuple[str, ...]) -> re.Pattern[bytes]:
    names = b"|".join(re.escape(name.encode()).replace(rb"\*", rb"[^\"\\]*") for name in fields)
    return re.compile(rb'(?P<name>"(?:' + names + rb')"\s*:\s*)(?P<url>' + _STRING + rb")")


@hookimpl
def outrider_target_layers(target: Target) -> Iterable[Layer[Attempt]]:
    """Give the layer to targets whose provider names such members."""
    if target.provider is None or not target.provider.urls:
        return []
    return [Layer(stage=Stage.LIMIT, wrap=Urls(target).wrap)]
