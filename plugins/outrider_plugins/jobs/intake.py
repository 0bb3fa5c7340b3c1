"""The intake: a call becomes a job, because the app prefers that or because `on` says `queue`.

What is stored is what would have been sent: method, target and body as they came, the fields without those
that end here and without every place of a credential. The idempotency key is the app's own, or the one
that the call already carried, or new; from then on each delivery carries it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Awaitable
from contextlib import aclosing
from time import time
from typing import TYPE_CHECKING

from aiohttp import hdrs

from outrider.config import Jobs as Options
from outrider.headers import serialize
from outrider.on import MOVED_ON
from outrider.plugin import (
    Exchange,
    ExchangeSend,
    Forbidden,
    Integration,
    Malformed,
    OutriderError,
    Response,
    field,
    respond,
    without_parameters,
)

from .bodies import Spool, TooLong
from .callback import allowed
from .job import QUEUED, Draft
from .wishes import PREFER, read_wishes, text_of, wants_async, without_async

if TYPE_CHECKING:
    from .queue import Queue

LOG = logging.getLogger("outrider.jobs")

#: Where no plugin says what the provider calls it (draft-ietf-httpapi-idempotency-key-header).
_USUAL = "Idempotency-Key"
_SAFE = ("GET", "HEAD", "OPTIONS")


class Intake:
    """How the calls of one integration become jobs."""

    def __init__(self, integration: Integration, queue: Queue) -> None:
        self._integration = integration
        self._queue = queue
        self._options = integration.config.jobs or Options()
        self._on = integration.target.on
        self.queues = any("queue" in actions for actions in self._on.table.values())
        """Whether `on` names `queue` for anything."""

    def wrap(self, send: ExchangeSend) -> ExchangeSend:
        """Give the `send` that may answer 202."""
        inner = self._queueing(send) if self.queues else send

        def deferred(exchange: Exchange) -> Awaitable[Response]:
            headers = exchange.headers
            if (
                PREFER in headers
                and wants_async(headers.getall(PREFER))
                and hdrs.UPGRADE not in headers
                and not exchange.in_background
            ):
                return self.accept(exchange)
            return inner(exchange)

        return deferred

    def _queueing(self, send: ExchangeSend) -> ExchangeSend:
        """Give the `send` that makes a job of what failed, where `on` says so."""

        async def queued(exchange: Exchange) -> Response:
            if exchange.in_background:
                return await send(exchange)
            self._put_key(exchange)
            try:
                response = await send(exchange)
            except OutriderError as error:
                accepted = await self._instead(exchange, self._on.error(error))
                if accepted is None:
                    raise
                return accepted
            if response.meant < 400:
                return response
            try:
                status = self._integration.target.status_of(response)
                accepted = await self._instead(exchange, self._on.status(status))
            except BaseException:
                response.close()
                raise
            if accepted is None:
                return response
            response.close()
            return accepted

        return queued

    async def _instead(self, exchange: Exchange, actions: frozenset[str]) -> Response | None:
        """Accept what failed, where `on` says so; None where not, or where it cannot be kept either."""
        if not self._wanted(exchange, actions):
            return None
        await exchange.body.take_back()
        try:
            return await self.accept(exchange)
        except OutriderError as error:
            LOG.warning("integration '%s': a call is not queued: %s", self._integration.name, error.detail)
            return None

    def _wanted(self, exchange: Exchange, actions: frozenset[str]) -> bool:
        named = "queue" in actions or "queue" in (exchange.noted(MOVED_ON) or ())
        if not named or hdrs.UPGRADE in exchange.headers:
            return False
        if not exchange.body.replayable:
            LOG.warning(
                "integration '%s': a call is not queued: its body was sent, and was too long to be kept",
                self._integration.name,
            )
            return False
        return True

    def _put_key(self, exchange: Exchange) -> None:
        """Let the call carry from the start the key that the job would, so that it is one to the provider."""
        rules, headers = self._integration.target.idempotency, exchange.headers
        if exchange.method in _SAFE or (rules.header and rules.header in headers):
            return
        given = headers.get(_USUAL)
        if rules.takes_key(exchange.method, exchange.path):  # the retry layer puts it on
            exchange.idempotency_key = given or secrets.token_hex(16)
        elif given is None:
            exchange.idempotency_key = secrets.token_hex(16)
            own = field(rules.header or _USUAL, exchange.idempotency_key)
            exchange.raw_headers = [*exchange.raw_headers, own]

    async def accept(self, exchange: Exchange) -> Response:
        """Keep the call as a job, and answer 202 with its address. Malformed where it cannot be one."""
        store = await self._queue.ready()
        now = time()
        wishes = read_wishes(exchange.headers, now)
        if wishes.callback is not None and not allowed(wishes.callback, self._options.callbacks):
            raise Forbidden(
                f"Outrider-Callback is none of integrations.{self._integration.name}.jobs.callbacks"
            )
        id = _job_id(now)
        target = self._target_of(exchange)
        digest = hashlib.sha256(f"{exchange.method}\0{target}\0".encode("utf-8", "surrogateescape"))
        spool = Spool(store.bodies.request(id), self._options.max_body)
        try:
            body = await self._take(exchange, spool, digest)
        except BaseException:
            spool.discard()
            raise
        try:
            app_key, key, fields = self._fields(exchange)
            due = max(now, wishes.not_before or now)
            until = due + self._options.keep
            expires = wishes.expires if wishes.expires is not None and wishes.expires < until else None
            draft = Draft(
                id=id,
                integration=self._integration.name,
                client=exchange.client,
                method=exchange.method,
                target=target,
                base=json.dumps(exchange.address),
                fields=fields,
                body=body,
                size=spool.size,
                key=key,
                app_key=app_key,
                digest=digest.digest(),
                created=now,
                due=due,
                until=expires or until,
                expires=expires,
                priority=wishes.priority,
                queue_key=wishes.queue_key,
                callback=wishes.callback,
            )
            added = await store.add(draft)
        except Exception:  # not for an app that left: the commit may be under way, and needs the file
            spool.discard()
            raise
        if not added.same:
            raise Malformed(
                "this idempotency key belongs to a job with another request; give each request its own",
                status=422,
            )
        if added.id == id:
            self._queue.accepted(self._integration.name, id)
        return _accepted(added.id, draft)

    async def _take(self, exchange: Exchange, spool: Spool, digest: hashlib._Hash) -> bytes | None:
        """Read the whole body. Malformed (413) for one that is too long."""
        body = exchange.body
        try:
            if body.length is not None and body.length > self._options.max_body:
                raise TooLong
            if body.data is not None:
                digest.update(body.data)
                await spool.add(body.data)
            else:
                async with aclosing(body.pieces()) as pieces:
                    async for piece in pieces:
                        digest.update(piece)
                        await spool.add(piece)
        except TooLong:
            most = self._options.max_body
            raise Malformed(f"the body is longer than jobs.max_body, {most} bytes", status=413) from None
        return await spool.finish()

    def _target_of(self, exchange: Exchange) -> str:
        names = self._integration.target.credential_query
        return (
            without_parameters(exchange.target, names)
            if names and "?" in exchange.target
            else exchange.target
        )

    def _fields(self, exchange: Exchange) -> tuple[str | None, str, bytes]:
        """Give the app's key, the key that goes along, and the fields to store."""
        target = self._integration.target
        name = target.idempotency.header or _USUAL
        app_key = text_of(exchange.headers, name) or text_of(exchange.headers, _USUAL) or None
        key = app_key or exchange.idempotency_key or secrets.token_hex(16)
        kept = target.request_filter.apply(exchange.raw_headers, exchange.named)
        fields = [pair for pair in kept if pair[0].lower() != b"prefer"]
        if rest := without_async(exchange.headers.getall(PREFER, ())):
            fields.append(field("Prefer", rest))
        lower = name.lower().encode()
        if not any(pair[0].lower() == lower and pair[1] for pair in fields):
            fields = [*(pair for pair in fields if pair[0].lower() != lower), field(name, key)]
        return app_key, key, serialize(fields)


def _job_id(now: float) -> str:
    """Give an id that nobody guesses, 80 random bits, and that sorts by time: an index grows at its end."""
    return f"{int(now * 1000):012x}{secrets.token_hex(10)}"


def _accepted(id: str, draft: Draft) -> Response:
    headers = [("Location", f"/_outrider/jobs/{id}"), ("Preference-Applied", "respond-async")]
    told: dict[str, object] = {"id": id}
    if id == draft.id:  # else it was made earlier, and its address tells what became of it
        told |= {"state": QUEUED, "attempts": 0, "history": [], "response": None}
    return respond(202, told, headers)
