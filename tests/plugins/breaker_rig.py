"""A circuit on a fake clock, with calls that a test begins and ends as it likes."""

import asyncio
from pathlib import Path
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.config import BaseUrl, Breaker, IntegrationConfig
from outrider.errors import AttemptFailed, Limited, Open, Rubbish, TooSlow, Unavailable, Unreachable
from outrider.events import BreakerClosed, BreakerOpened, Events
from outrider.exchange import Attempt, Exchange
from outrider.integration import Integration, Target
from outrider.response import Response, respond
from outrider.secrets import Vault
from outrider.testing import FakeClock
from outrider_plugins.breaker import Circuit

Outcome = int | type[BaseException]

FAILURES: list[Outcome] = [500, 502, 503, 504, Unreachable, TooSlow, Rubbish]
ANSWERS: list[Outcome] = [200, 301, 400, 401, 404, 429, 501]
NEITHER: list[Outcome] = [Limited, Unavailable, Open, RuntimeError, asyncio.CancelledError]


def target(breaker: Breaker | None = None) -> Target:
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name="acme", base_url=base, breaker=breaker)
    return Target("acme", section, base, None, Vault(Path()))


class Call:
    """One call of an app, and what became of it."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.period = 0
        """Which of the rig's periods it was sent in; 0 while it was not."""
        self.under_way = False
        self.let_in = False
        """Whether an answer came while it was in line: nothing that follows can hold it back but opening."""
        self.error: BaseException | None = None
        self.outcome: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None]

    def __repr__(self) -> str:
        return f"<Call of {self.attempt.exchange.id}>"

    @property
    def waiting(self) -> bool:
        return not self.period and not self.task.done()

    @property
    def refusal(self) -> Open:
        assert isinstance(self.error, Open)
        return self.error

    def end(self, outcome: Outcome) -> None:
        """Let the provider answer with a status, or the attempt end with an error."""
        if outcome is asyncio.CancelledError:
            self.task.cancel()
        elif isinstance(outcome, type):
            self.outcome.set_exception(outcome("x"))
        else:
            self.outcome.set_result(respond(outcome))


class Rig:
    """A circuit between callers and a provider, both played by the test.

    It watches what every test may rely on. While the breaker is open nothing is sent; after that
    time one probe, and no second beside it. Before the first answer, and after a failure until the
    next answer, the calls under way and the failures in a row are never more than `failures`. It
    opens when, and only when, so many failed in a row or the probe did, and closes by a probe.
    """

    def __init__(self, **options: Any) -> None:
        self.clock, self.heard, self.calls, self.sent = FakeClock(), [], [], []
        self.options = Breaker(**options)
        self.to = target(self.options)
        self.period, self.row, self.flowing, self.opened = 1, 0, False, None
        self.last: str | None = None
        self.wrong: list[str] = []
        events = Events()
        for kind in (BreakerOpened, BreakerClosed):
            events.on(kind, self._hear)
        self.circuit = Circuit(self.to, self.options, events, clock=self.clock)
        self.send = self.circuit.wrap(self._send)

    def __repr__(self) -> str:
        return repr(self.circuit)

    @property
    def under_way(self) -> list[Call]:
        return [call for call in self.sent if call.under_way]

    @property
    def load(self) -> int:
        """Calls of this period under way, and failures in a row."""
        return sum(call.period == self.period for call in self.under_way) + self.row

    async def call(self, count: int = 1, *, left_s: float = 120.0, wanted: str = "120s") -> list[Call]:
        """Let so many callers come at once, and see how far they get."""
        made = []
        for _ in range(count):
            fields: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
            integration, id = Integration("acme", self.to.config, self.to), str(len(self.calls))
            began = self.clock() - 120 + left_s
            exchange = Exchange(id, integration, "GET", "/", fields, (), NO_BODY, started=began)
            exchange.shorten(wanted)
            call = Call(Attempt(exchange, self.to))
            call.task = asyncio.get_running_loop().create_task(self._carry(call))
            self.calls.append(call)
            made.append(call)
        await self.settle()
        return made

    async def end(self, calls: list[Call], outcome: Outcome) -> None:
        for call in calls:
            call.end(outcome)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
        self._watch(self.opened is not None or self.row < self.options.failures, "did not open")
        assert self.wrong == []

    def _watch(self, right: bool, otherwise: str) -> None:
        """Remember what was wrong until the test has the word: nobody else hears an AssertionError."""
        if not right:
            self.wrong.append(otherwise)

    async def _carry(self, call: Call) -> None:
        try:
            await self.send(call.attempt)
        except Exception as error:
            call.error = error

    async def _send(self, attempt: Attempt) -> Response:
        call = self.calls[int(attempt.exchange.id)]
        if self.opened is not None:
            self._watch(self.clock() >= self.opened + self.options.open, "sent while open")
            self._watch(self.load == 0, "sent beside the probe")
        elif not self.flowing and not call.let_in:
            self._watch(self.load < self.options.failures, "sent without room")
        call.period, call.under_way = self.period, True
        self.sent.append(call)
        kind = "neither"
        try:
            response = await call.outcome
            kind = "failure" if response.status in FAILURES else "answer"
        except AttemptFailed:
            exchange = attempt.exchange
            kind = "neither" if exchange.hurried and self.clock() >= exchange.deadline else "failure"
            raise
        finally:
            call.under_way = False
            if call.period == self.period:
                self.last = kind
                self.row = 0 if kind == "answer" else self.row + (kind == "failure")
                self.flowing = (self.flowing or kind == "answer") and kind != "failure"
                for other in self.calls:
                    other.let_in |= kind == "answer" and other.waiting
        return response

    def _hear(self, event: BreakerOpened | BreakerClosed) -> None:
        self.heard.append(event)
        if isinstance(event, BreakerClosed):
            self._watch(self.opened is not None and self.last == "answer", "closed without an answer")
            self.opened = None
        else:
            needed = 1 if self.opened is not None or self.options.rate else self.options.failures
            self._watch(self.row >= needed and self.last == "failure", "opened too early")
            self.opened = self.clock()
        self.period, self.row, self.flowing = self.period + 1, 0, isinstance(event, BreakerClosed)


async def opened(**options: Any) -> Rig:
    """Give a rig that has just opened."""
    rig = Rig(**options)
    while not rig.heard:
        await rig.end(await rig.call(), 503)
    return rig
