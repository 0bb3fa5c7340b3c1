"""Translation: a fallback whose provider is another one is asked in its own words.

Compiled for each pair of an integration's target and a fallback. The request that is sent is Outrider's own:
of the app's fields only those go along that mean the same everywhere.
"""

from __future__ import annotations

from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import Body
from outrider.config import Fallback
from outrider.facts import said
from outrider.operation import Answer, Operation, Request, Untranslatable
from outrider.plugin import (
    Exchange,
    Problem,
    Response,
    Target,
    Whole,
    field,
    respond,
)

#: Of the app's own fields these mean the same to every API.
_PASSED = ("User-Agent", "Accept-Language", "traceparent", "tracestate")
#: Bytes of an answer that are read to be told in other words.
_CAP = 256 * 1024


class Translation:
    """The operations that one target and one fallback both have."""

    def __init__(self, own: Target, to: Target, fallback: Fallback) -> None:
        self._own = own
        self._to = to
        self._fallback = fallback
        mine = own.provider.operations if own.provider is not None else {}
        theirs = to.provider.operations if to.provider is not None else {}
        self._pairs = [(mine[name], theirs[name]) for name in mine if name in theirs]

    @property
    def needed(self) -> bool:
        """Whether the two speak differently, and have something to say in common."""
        return bool(self._pairs) and type(self._own.provider) is not type(self._to.provider)

    async def of(self, exchange: Exchange) -> Translated:
        """Read the request of an exchange and write it for the fallback. Untranslatable in words."""
        method, path = exchange.method, exchange.path
        pair = next((pair for pair in self._pairs if pair[0].means(method, path)), None)
        if pair is None:
            raise Untranslatable("this call has no like there")
        data = await exchange.body.gather()
        if data is None:
            raise Untranslatable("a request body of this length")
        if (exchange.headers.get("Content-Encoding") or "identity") != "identity":
            raise Untranslatable("a compressed request body")
        kind = exchange.headers.get("Content-Type") or "application/json"
        try:
            meant = pair[0].read(Request(method, exchange.target, data, kind))
            request = pair[1].write(pair[0].adapt(meant, self._fallback))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Untranslatable("a malformed request") from None
        return Translated(self._own, self._to, *pair, request)

    def repeatable(self, exchange: Exchange) -> bool:
        """Whether it does no harm when both APIs do what this exchange asks."""
        return any(mine.repeatable for mine, _ in self._pairs if mine.means(exchange.method, exchange.path))


class Translated:
    """One request in the fallback's words."""

    def __init__(
        self, own: Target, to: Target, mine: Operation[Any], theirs: Operation[Any], request: Request
    ) -> None:
        self._own = own
        self._to = to
        self._mine = mine
        self._theirs = theirs
        self._request = request

    async def send(self, exchange: Exchange) -> Response:
        """Send it to the fallback, and give the answer in the words of the integration's own API."""
        untouched = (exchange.method, exchange.target, exchange.headers, exchange.raw_headers, exchange.body)
        self._put_on(exchange)
        try:
            response = await self._to.send(exchange)
        finally:
            (
                exchange.method,
                exchange.target,
                exchange.headers,
                exchange.raw_headers,
                exchange.body,
            ) = untouched
        if response.made_here:
            return response
        if response.meant >= 400:
            return self._refusal(exchange, response)
        return await self._answer(response)

    def _put_on(self, exchange: Exchange) -> None:
        request, provider = self._request, self._to.provider
        headers = CIMultiDict({"Content-Type": request.content_type, "Accept-Encoding": "identity"})
        headers["Accept"] = exchange.headers.get("Accept", "application/json")
        for name in _PASSED:
            if name in exchange.headers:
                headers[name] = exchange.headers[name]
        for name, value in provider.required_headers.items() if provider is not None else ():
            headers.setdefault(name, value)
        exchange.method, exchange.target = request.method, request.target
        exchange.headers = CIMultiDictProxy(headers)
        exchange.raw_headers = [field(name, value) for name, value in headers.items()]
        exchange.body = Body(request.body, length=len(request.body))

    def _refusal(self, exchange: Exchange, response: Response) -> Response:
        """Say an error of the fallback in the envelope of the integration's own API; its text stays there."""
        status, final = self._to.status_of(response), said(response.headers) is False
        response.close()
        detail = f"the fallback '{self._to.name}' answered {status}"
        problem = Problem("urn:outrider:fallback-failed", detail, status, detail, self._own.name, exchange.id)
        body = self._own.provider.error_body(problem) if self._own.provider is not None else None
        refusal = respond(status, {"error": detail} if body is None else body)
        if final:
            self._own.stop(refusal.headers)
        return refusal

    async def _answer(self, response: Response) -> Response:
        if self._mine.answer(None) is None:
            return response  # answers are alike, streams too
        try:
            await response.peek(_CAP)
            data = response.body.take() if isinstance(response.body, Whole) else None
            kind = response.headers.get("Content-Type") or ""
            fields = tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.fields
            )
            result = self._theirs.result(Answer(response.status, data or b"", kind, fields))
            answer = self._mine.answer(result)
        except (ValueError, TypeError, KeyError, AttributeError):
            # It was done; only the words for it are missing.
            answer = self._mine.answer(None)
        finally:
            response.close()
        assert answer is not None
        made = respond(answer.status, answer.body, answer.fields)
        if answer.body:
            made.headers.set("Content-Type", answer.content_type)
        return made
