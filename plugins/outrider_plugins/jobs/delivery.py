"""A delivery: a job sent through the very same path as a live call, and what its outcome means.

1. A response below 400: done.
2. A limit, or a refused credential: later. It was not executed, or not for anything that the job says.
3. What the provider says itself of trying again (`x-should-retry`, its plugin).
4. 408, 5xx but 501 and 505, and whatever `on` names `retry` or `queue` for: later. Anything else is final.
5. No response: later.
6. An open breaker, no turn at a limit, no credential: the whole line waits, and that is no attempt. Where the
   limit is one of some endpoints, the job alone does.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import Body
from outrider.config import Jobs as Options
from outrider.events import ExchangeDone, tell
from outrider.facts import said
from outrider.headers import serialize
from outrider.ids import exchange_id
from outrider.judged import seconds_asked, word_of
from outrider.plugin import (
    BACKGROUND,
    AttemptFailed,
    BrokenBody,
    Exchange,
    Integration,
    Limited,
    OutriderError,
    Refused,
    Response,
    Unavailable,
)
from outrider_plugins.limits.learned import retry_after
from outrider_plugins.retry.backoff import Backoff

from .bodies import Spool, StoredBody, TooLong
from .database import StoreFailed
from .job import DONE, FAILED, QUEUED, Kept, Outcome, parse_fields

if TYPE_CHECKING:
    from outrider.table import Table

    from .database import Row
    from .store import Store

LOG = logging.getLogger("outrider.jobs")

_FINAL = (501, 505)
_LATER = (401, 408, 429)
#: Seconds that a line waits where nobody says how long.
_HOLD_S = 1.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing was sent, and nothing of this integration would be now: look again after so many seconds."""

    seconds: float
    why: str
    narrow: bool = False
    """Whether that is so for some endpoints only."""


class Delivery:
    """One job on its way, once."""

    def __init__(self, table: Table, integration: Integration, store: Store, row: Row) -> None:
        self._table = table
        self._integration = integration
        self._options = integration.config.jobs or Options()
        self._store = store
        self._row = row
        self._id = exchange_id()

    async def run(self) -> Outcome | Hold:
        """Send it, and say what came of it. Never raises but for a cancellation."""
        exchange = self._exchange()
        integration, body = self._integration, exchange.body  # a layer may give it another one
        integration.in_flight += 1
        status, broken = 0, True
        response: Response | None = None
        try:
            try:
                response = await integration.send(exchange)
                exchange.response_s = monotonic() - exchange.started
                status = response.status
                outcome: Outcome | Hold = await self._judge(exchange, response)
                broken = False
            except OutriderError as error:
                status = status or error.status
                outcome = self._without_response(error)
                broken = False
            except BrokenBody as error:
                outcome = self._later(f"the response broke off: {error}", status=status)
            except Exception as error:
                LOG.exception("job %s: its delivery raised", self._row["id"])
                status, outcome = 502, self._later(f"{type(error).__name__} in a plugin; the log has it")
            return outcome
        finally:
            if response is not None:
                response.close()
            body.close()
            integration.in_flight -= 1
            tell(self._table.events, self._table.done, ExchangeDone(exchange, status, broken))

    def _exchange(self) -> Exchange:
        row = self._row
        fields = parse_fields(row["fields"])
        headers = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
        scheme, host, prefix = json.loads(row["base"])
        if row["body"] is None:
            body: Body = StoredBody(self._store.bodies.request(row["id"]), row["size"])
        else:
            # A GET without a body says nothing of its length.
            silent = not row["size"] and row["method"] in ("GET", "HEAD", "DELETE", "OPTIONS")
            body = Body(row["body"], length=None if silent else row["size"])
        exchange = Exchange(
            self._id,
            self._integration,
            row["method"],
            row["target"],
            CIMultiDictProxy(headers),
            fields,
            body,
            base=(scheme, host, prefix),
        )
        exchange.client = row["client"]
        exchange.idempotency_key = row["key"]
        exchange.notes[BACKGROUND] = row["id"]
        return exchange

    async def _judge(self, exchange: Exchange, response: Response) -> Outcome:
        """Decide on a response. BrokenBody where one that is to be kept breaks off."""
        target, status = self._integration.target, response.status
        if response.meant < 400:
            return await self._end(DONE, response, "")
        if target.reads_errors:
            await response.peek(within_s=exchange.left_s)
        provider = target.provider
        meant = target.status_of(response)
        asked_s = seconds_asked(provider, response)
        if asked_s is None:
            asked_s = retry_after(response.headers, time())
        reason = f"the provider answered {_phrase(status)}"
        later = meant in (401, 429)
        if not later:
            word = said(response.headers) if provider is None else word_of(provider, response)
            named = bool(target.on.status(meant) & {"retry", "queue"})
            usual = meant in _LATER or (meant >= 500 and meant not in _FINAL)
            later = word if word is not None else named or usual
        if not later:
            return await self._end(FAILED, response, reason)
        if self._row["failures"] + 1 >= self._options.attempts:
            return await self._end(FAILED, response, f"{reason}, the last of jobs.attempts")
        return self._later(reason, status=status, asked_s=asked_s)

    def _without_response(self, error: OutriderError) -> Outcome | Hold:
        if isinstance(error, Limited | Unavailable):
            narrow = isinstance(error, Limited) and error.narrow
            return Hold(error.retry_after_s or _HOLD_S, error.detail, narrow)
        if isinstance(error, Refused):
            return self._outcome(FAILED, f"refused here: {error.detail}", reached=False)
        return self._later(error.detail, reached=not isinstance(error, AttemptFailed) or error.written)

    def _later(
        self, reason: str, *, status: int = 0, asked_s: float | None = None, reached: bool = True
    ) -> Outcome:
        if reached and self._row["failures"] + 1 >= self._options.attempts:
            return self._outcome(FAILED, reason, status=status)
        wait_s = max(Backoff(self._options).delay_s(self._row["attempts"] + 1), asked_s or 0.0)
        due = min(time() + wait_s, self._row["until"])
        return self._outcome(QUEUED, reason, status=status, due=due, reached=reached)

    async def _end(self, state: str, response: Response, reason: str) -> Outcome:
        """Keep the response as it came, body and all."""
        path = self._store.bodies.response(self._row["id"])
        kept = await keep(response, path, self._options.max_body)
        return self._outcome(state, reason, status=response.status, response=kept)

    def _outcome(
        self,
        state: str,
        reason: str,
        *,
        status: int = 0,
        due: float = 0.0,
        reached: bool = True,
        response: Kept | None = None,
    ) -> Outcome:
        return Outcome(self._row["seq"], time(), status, reason, state, reached, due, response, self._id)


async def keep(response: Response, path: Path, max_bytes: int) -> Kept:
    """Read a response to be kept; one that is too long, or that the disk does not take, without its body."""
    spool = Spool(path, max_bytes)
    fields = serialize(response.fields)
    try:
        data = response.body.take()
        if data is not None:
            await spool.add(data)
        else:
            while piece := await response.body.read():
                await spool.add(piece)
        body = await spool.finish()
    except (TooLong, StoreFailed):
        spool.discard()
        return Kept(response.status, fields, None, -1)
    except BaseException:
        spool.discard()
        raise
    return Kept(response.status, fields, body, spool.size)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
