"""Failover: who is tried next, with which path, and what the app gets when all have failed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY, Body
from outrider.config import BaseUrl, Fallback, IntegrationConfig, Message
from outrider.errors import (
    Limited,
    Open,
    OutriderError,
    Rubbish,
    TooSlow,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from outrider.events import Events, FailedOver
from outrider.exchange import Exchange
from outrider.integration import Integration, Target
from outrider.response import Response
from outrider.secrets import Vault
from outrider_plugins.failover import Failover, outrider_integration_layers

Outcome = int | OutriderError | asyncio.CancelledError
SORRY = Message(status=503, body={"error": "sorry"}, headers={"X-Why": "down"})


class Content:
    """A body that counts how often it was closed."""

    def __init__(self) -> None:
        self.length, self.closed = 0, 0

    def take(self) -> bytes | None:
        return b""

    async def read(self) -> bytes:
        return b""

    def close(self) -> None:
        self.closed += 1


class Rig:
    """An integration with fallbacks, each of which answers once, as the test says."""

    def __init__(
        self,
        *outcomes: Outcome,
        on: Any = None,
        message: Message | None = None,
        paths: dict[str, str] | None = None,
    ) -> None:
        self.paths, self.heard, self.bodies = [], [], []
        self.targets = [self._target(f"t{number}", outcome, on) for number, outcome in enumerate(outcomes)]
        first, *others = self.targets
        fallback = Fallback(targets=[to.name for to in others], message=message, paths=paths or {})
        config = first.config.model_copy(update={"fallback": fallback})
        self.integration = Integration("t0", config, first, tuple(others))
        events = Events()
        events.on(FailedOver, self.heard.append)
        self.send = Failover(self.integration, events).wrap(first.send)

    def _target(self, name: str, outcome: Outcome, on: Any) -> Target:
        section = IntegrationConfig(name=name, base_url=BaseUrl.parse(f"https://{name}.example"), on=on)
        target = Target(name, section, section.base_url, None, Vault(Path()))
        target.send = self._answers(name, outcome)
        return target

    def _answers(self, name: str, outcome: Outcome) -> Callable[[Exchange], Awaitable[Response]]:
        async def send(exchange: Exchange) -> Response:
            self.paths.append(f"{name}{exchange.target}")
            if isinstance(outcome, BaseException):
                raise outcome
            self.bodies.append(Content())
            return Response(outcome, [], self.bodies[-1])

        return send

    def exchange(
        self, method: str = "GET", path: str = "/x", *, key: str = "", body: Body = NO_BODY
    ) -> Exchange:
        headers = CIMultiDictProxy(CIMultiDict({"Idempotency-Key": key} if key else {}))
        return Exchange("id", self.integration, method, path, headers, (), body)

    async def call(self, *words: str, **options: Any) -> Response | OutriderError:
        """Send it, and give what the app is told."""
        try:
            return await self.send(self.exchange(*words, **options))
        except OutriderError as error:
            return error

    @property
    def tried(self) -> int:
        return len(self.paths)


@pytest.mark.parametrize(
    ("outcome", "method", "key", "tried"),
    [
        (503, "GET", "", 2),
        (500, "PUT", "", 2),
        (503, "POST", "", 1),  # it may have taken effect
        (503, "POST", "mine", 2),
        (429, "POST", "", 2),  # it was not executed
        (401, "GET", "", 1),  # not by default: a key that is wrong is to be seen
        (404, "GET", "", 1),
        (501, "GET", "", 1),
        (200, "GET", "", 1),
        (302, "GET", "", 1),
        (Unreachable("x", written=False), "POST", "", 2),
        (Unreachable("x", written=True), "POST", "", 1),
        (Unreachable("x", written=True), "POST", "mine", 2),
        (Unreachable("x", written=True), "GET", "", 2),
        (TooSlow("x"), "POST", "", 1),
        (TooSlow("x"), "GET", "", 2),
        (Rubbish("x"), "GET", "", 2),
        (Open("x"), "POST", "", 2),  # nothing was sent
        (Unavailable("no credential"), "POST", "", 2),
        (Limited("x"), "POST", "", 2),
        (Unauthorized("x"), "GET", "", 1),  # the app's own mistake
    ],
)
async def test_who_is_tried_next(outcome: Outcome, method: str, key: str, tried: int) -> None:
    """By the first's outcome, and by whether a second time could do harm."""
    rig = Rig(outcome, 200)
    await rig.call(method, key=key)

    assert rig.tried == tried


@pytest.mark.parametrize(
    ("on", "outcome", "tried"),
    [
        ({"401": ("failover",)}, 401, 2),
        ({"5xx": ("pass",)}, 503, 1),
        ({"503": ("failover",), "5xx": ("pass",)}, 503, 2),
        ({"limited": ("pass",)}, Limited("x"), 1),
        ({"unreachable": ("retry",)}, Unreachable("x", written=False), 1),
        ({"timeout": ("retry",)}, TooSlow("x"), 1),
    ],
)
async def test_the_error_table_decides(on: dict[str, tuple[str, ...]], outcome: Outcome, tried: int) -> None:
    """A key that is given replaces its default."""
    rig = Rig(outcome, 200, on=on)
    await rig.call()

    assert rig.tried == tried


async def test_the_fallbacks_are_tried_in_order() -> None:
    """Until one answers; each step is told once."""
    rig = Rig(503, Unreachable("x"), 429, 200, 200)
    answer = await rig.call()

    assert isinstance(answer, Response)
    assert answer.status == 200
    assert rig.paths == ["t0/x", "t1/x", "t2/x", "t3/x"]
    steps = [(event.origin.name, event.to.name, event.reason) for event in rig.heard]
    assert steps == [("t0", "t1", "503"), ("t1", "t2", "unreachable"), ("t2", "t3", "429")]


async def test_a_fallback_where_it_may_have_taken_effect_is_the_last() -> None:
    """The rule holds at every step, not at the first alone."""
    rig = Rig(429, Unreachable("x", written=True), 200)
    await rig.call("POST")

    assert rig.paths == ["t0/x", "t1/x"]


@pytest.mark.parametrize("outcome", [429, Limited("x"), Unreachable("x", written=False)])
async def test_what_an_earlier_attempt_may_have_done_counts(outcome: Outcome) -> None:
    """The last attempt did nothing, and one before it may have: nobody else is asked to do it again."""
    rig = Rig(outcome, 200)
    exchange = rig.exchange("POST")
    exchange.uncertain = True
    with suppress(OutriderError):
        await rig.send(exchange)

    assert rig.tried == 1


async def test_nobody_is_asked_after_the_deadline() -> None:
    """A fallback would get a request whose answer nobody waits for."""
    rig = Rig(Unreachable("x", written=False), 200)
    exchange = rig.exchange()
    exchange.deadline = exchange.started
    with suppress(OutriderError):
        await rig.send(exchange)

    assert rig.tried == 1


async def test_a_body_that_is_gone_stays() -> None:
    """It was longer than what is kept, so nobody else can have it."""
    body = Body(None, length=3)
    body._started = True
    rig = Rig(503, 200)
    answer = await rig.call("PUT", body=body)

    assert isinstance(answer, Response)
    assert (answer.status, rig.tried) == (503, 1)


@pytest.mark.parametrize(
    ("path", "mapped"),
    [
        ("/v1/charges?a=/v1/charges", "/v2/payments?a=/v1/charges"),
        ("/v1/charges/ch_1", "/v2/payments/ch_1"),
        ("/v1/charges_of", "/other/charges_of"),
        ("/v1/refunds", "/other/refunds"),
        ("/v10/x", "/v10/x"),
        ("/v1", "/other"),
    ],
)
async def test_a_path_is_mapped(path: str, mapped: str) -> None:
    """By the longest beginning that ends at a slash; the query stays, and so does the first's own path."""
    rig = Rig(503, 200, paths={"/v1": "/other", "/v1/charges": "/v2/payments/"})
    exchange = rig.exchange("GET", path)
    await rig.send(exchange)

    assert rig.paths == [f"t0{path}", f"t1{mapped}"]
    assert exchange.target == path


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((503, 429), 429),  # the last provider's response
        ((503, Unreachable("x")), 503),  # a response rather than our own answer
        ((Unreachable("x"), 502), 502),
        ((429, Open("x"), Unreachable("x")), 429),
    ],
)
async def test_what_the_app_gets_when_all_have_failed(outcomes: tuple[Outcome, ...], status: int) -> None:
    """A provider's own words where there are any."""
    answer = await Rig(*outcomes).call()

    assert isinstance(answer, Response)
    assert answer.status == status


async def test_our_own_answer_is_the_last_resort() -> None:
    """Where nobody gave a response and nothing is configured to be said."""
    last = TooSlow("second")

    assert await Rig(Unreachable("first"), last).call() is last


@pytest.mark.parametrize(
    ("outcomes", "on", "said"),
    [
        ((503, 503), None, True),
        ((Unreachable("x"), TooSlow("x")), None, True),
        ((Limited("x"),), None, True),
        ((503,), {"5xx": ("pass",)}, False),
        ((Unreachable("x"),), {"unreachable": ("pass",)}, False),
        ((404,), None, False),
        ((404,), {"4xx": ("message",)}, True),
        ((429, 429), None, False),  # the table does not name it
        ((Unauthorized("x"),), None, False),
        ((503, 200), None, False),
        ((503, Unreachable("x")), {"unreachable": ("failover",), "5xx": ("failover",)}, False),
        ((Open("x"), Unreachable("x")), {"unreachable": ("failover",)}, True),
    ],
)
async def test_when_the_message_is_said(outcomes: tuple[Outcome, ...], on: Any, said: bool) -> None:
    """Where the table names it, or where there is no provider's response to pass on."""
    answer = await Rig(*outcomes, on=on, message=SORRY).call()

    assert (isinstance(answer, Response) and answer.headers.get("X-Why") == "down") is said


async def test_the_message_is_what_was_configured() -> None:
    """Status, fields and body; Proxy-Status says that it is ours, and the SDK is told that it is the last word."""
    answer = await Rig(503, message=SORRY).call()

    assert isinstance(answer, Response)
    assert (answer.status, await answer.body.read()) == (503, b'{"error": "sorry"}')
    assert (answer.headers.get("Proxy-Status") or "").startswith("outrider; error=")
    assert answer.headers.get("x-should-retry") == "false"


@pytest.mark.parametrize(
    ("outcomes", "message", "closed"),
    [
        ((503, 200), None, [1, 0]),
        ((503, 429, 200), None, [1, 1, 0]),
        ((503, 429), None, [1, 0]),
        ((503, Unreachable("x")), None, [0]),  # it is what the app gets
        ((503, Unreachable("x")), SORRY, [1]),
        ((503, 503), SORRY, [1, 1]),
        ((503, asyncio.CancelledError()), None, [1]),
    ],
)
async def test_a_response_that_is_not_passed_on_is_closed_once(
    outcomes: tuple[Outcome, ...], message: Message | None, closed: list[int]
) -> None:
    """Its connection is free again; the one that the app gets is still to be read."""
    rig = Rig(*outcomes, message=message)
    with suppress(asyncio.CancelledError):
        await rig.call()

    assert [body.closed for body in rig.bodies] == closed


async def test_who_has_nowhere_to_go_has_no_layer() -> None:
    """And pays nothing for it."""
    rig = Rig(200)

    assert list(outrider_integration_layers(rig.integration, Events())) == []
