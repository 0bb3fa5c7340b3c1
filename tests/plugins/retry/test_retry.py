"""Retry on a fake clock: what is sent again, when, how often, and what the app is told at the end."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import KEEP_ONE, NO_BODY, Body
from outrider.config import BaseUrl, IntegrationConfig
from outrider.config import Retry as Options
from outrider.errors import AttemptFailed, Limited, Open, OutriderError, Rubbish, TooSlow, Unreachable
from outrider.events import Events, Retrying, TargetFailed, TargetRecovered
from outrider.exchange import Attempt, Exchange
from outrider.integration import Integration, Target
from outrider.plugin import Provider
from outrider.response import PEEK, Generated, Response, respond
from outrider.secrets import Vault
from outrider.testing import FakeClock
from outrider_plugins.retry import Retry, keyed

NOW = {"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}
UNWRITTEN, WRITTEN = Unreachable("x", written=False), Unreachable("x", written=True)

Outcome = int | Response | OutriderError | asyncio.CancelledError


class Word(Provider):
    """A provider that has a word of its own, and takes keys."""

    name = "acme"
    base_url = "https://api.acme.example"
    idempotency_header = "Idempotency-Key"
    stop_headers = (("Acme-Should-Retry", "false"),)
    sdk_obeys_retry_after = True

    def should_retry(self, response: Response) -> bool | None:
        """Decide on two statuses."""
        return {418: True, 503: False}.get(response.status)

    def retry_after(self, response: Response) -> float | None:
        """Ask for a time in a field of its own."""
        given = response.headers.get("Acme-Wait")
        return None if given is None else float(given)


class Rig:
    """A target's retries between one app and a provider, which answers by a script and then with 200."""

    def __init__(
        self, *script: Outcome, provider: Provider | None = None, on: Any = None, **options: Any
    ) -> None:
        self.script, self.slept, self.heard, self.sent = list(script), [], [], 0
        self.clock = FakeClock()
        section = IntegrationConfig(name="acme", base_url=BaseUrl.parse("https://api.acme.example"), on=on)
        self.target = Target("acme", section, section.base_url, provider, Vault(Path()))
        self.integration = Integration("acme", section, self.target)
        events = Events()
        for kind in (Retrying, TargetFailed, TargetRecovered):
            events.on(kind, self.heard.append)
        given = Options(**{"attempts": 3, "base": "1s", "cap": "8s", **options})
        self.retry = Retry(self.target, given, events, clock=self.clock, sleep=self._sleep)
        self.send = self.retry.wrap(self._send)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    async def _send(self, exchange: Exchange) -> Response:
        self.sent += 1
        outcome = self.script.pop(0) if self.script else 200
        if isinstance(outcome, BaseException):
            raise outcome
        return respond(outcome) if isinstance(outcome, int) else outcome

    def exchange(
        self, method: str = "GET", *, key: str = "", left_s: float = 120.0, body: Body = NO_BODY
    ) -> Exchange:
        """Make one request of the app, with so much time left."""
        fields = CIMultiDict({"Idempotency-Key": key} if key else {})
        began = self.clock() - 120 + left_s
        headers = CIMultiDictProxy(fields)
        return Exchange("id", self.integration, method, "/x", headers, (), body, started=began)

    async def call(self, method: str = "GET", **options: Any) -> Response | OutriderError:
        """Send it, and give what the app is told."""
        try:
            return await self.send(self.exchange(method, **options))
        except OutriderError as error:
            return error


async def _pieces(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


def told(status: int, **fields: str) -> Response:
    """Give a response with fields, an underscore for each hyphen."""
    return respond(status, b"", [(name.replace("_", "-"), value) for name, value in fields.items()])


@pytest.mark.parametrize(
    ("outcome", "method", "key", "sent"),
    [
        (UNWRITTEN, "POST", "", 2),  # 1. nothing was written: any method
        (UNWRITTEN, "PATCH", "", 2),
        (WRITTEN, "GET", "", 2),  # 2. written, no response: idempotent, or keyed
        (WRITTEN, "PUT", "", 2),
        (WRITTEN, "POST", "", 1),
        (WRITTEN, "PATCH", "", 1),
        (WRITTEN, "POST", "mine", 2),
        (TooSlow("x"), "DELETE", "", 2),
        (TooSlow("x"), "POST", "", 1),
        (Rubbish("x"), "POST", "", 1),
        (500, "GET", "", 2),  # 3. a response: by its status, and as in 2
        (500, "POST", "", 1),
        (500, "POST", "mine", 2),
        (503, "PUT", "", 2),
        (429, "POST", "", 2),  # it was not executed
        (429, "PATCH", "", 2),
        (408, "GET", "", 2),
        (404, "GET", "", 1),
        (501, "GET", "", 1),
        (Limited("x", retry_after_s=1), "GET", "", 1),  # our own refusals are nobody's failure
        (Open("x", retry_after_s=1), "GET", "", 1),
    ],
)
async def test_what_is_sent_again(outcome: Outcome, method: str, key: str, sent: int) -> None:
    """By what is known of its effect."""
    rig = Rig(outcome)
    answer = await rig.call(method, key=key)

    assert rig.sent == sent
    assert (isinstance(answer, Response) and answer.status == 200) is (sent == 2)


@pytest.mark.parametrize(
    ("response", "method", "sent"),
    [
        (told(400, x_should_retry="true"), "POST", 2),
        (told(503, x_should_retry="false"), "GET", 1),
        (told(429, Stripe_Should_Retry="false"), "GET", 1),
        (told(409, Stripe_Should_Retry="true"), "POST", 2),
        (told(503, x_should_retry="perhaps"), "GET", 2),
    ],
)
async def test_a_word_in_the_response_counts_before_its_status(
    response: Response, method: str, sent: int
) -> None:
    """Both ways, from any provider, for any method."""
    rig = Rig(response)
    await rig.call(method)

    assert rig.sent == sent


@pytest.mark.parametrize(("status", "sent"), [(418, 2), (503, 1), (500, 2)])
async def test_the_plugins_word_counts_first(status: int, sent: int) -> None:
    """None of it leaves it to the status."""
    rig = Rig(told(status, x_should_retry="true" if status == 503 else "no word"), provider=Word())
    await rig.call()

    assert rig.sent == sent


@pytest.mark.parametrize(
    ("fields", "asked_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:07 GMT", **NOW}, 7.0),
        ({"retry-after-ms": "700", "Retry-After": "7"}, 0.7),
    ],
)
async def test_a_retry_after_is_kept(fields: dict[str, str], asked_s: float) -> None:
    """In each of its forms; those who were told the same moment are spread over a tenth more."""
    rig = Rig(respond(429, b"", fields.items()))
    await rig.call()

    assert asked_s <= rig.slept[0] <= 1.1 * asked_s


@pytest.mark.parametrize("given", ["", "-1", "soon", "0", "99999999999999999999"])
async def test_a_retry_after_of_rubbish_is_none(given: str) -> None:
    """What is waited is the backoff's: from nothing to `base` before the second attempt."""
    rig = Rig(respond(503, b"", [("Retry-After", given)]))
    await rig.call()

    assert rig.sent == 2
    assert 0 <= rig.slept[0] <= 1


async def test_the_plugin_reads_a_time_of_its_own() -> None:
    """It counts before the fields that everybody knows."""
    rig = Rig(respond(429, b"", [("Acme-Wait", "3"), ("Retry-After", "60")]), provider=Word())
    await rig.call()

    assert 3 <= rig.slept[0] <= 3.3


@pytest.mark.parametrize("left_s", [5.0, 6.9])
async def test_a_wait_beyond_the_deadline_is_not_begun(left_s: float) -> None:
    """The exchange moves on at once, with the provider's answer."""
    rig = Rig(told(503, Retry_After="7"))
    answer = await rig.call(left_s=left_s)

    assert isinstance(answer, Response)
    assert (answer.status, rig.sent, rig.slept) == (503, 1, [])


async def test_the_wait_counts_as_waiting() -> None:
    """Server-Timing tells it apart from the provider's time."""
    rig = Rig(told(429, Retry_After="7"))
    exchange = rig.exchange()
    await rig.send(exchange)

    assert exchange.waited_s == pytest.approx(rig.slept[0])


async def test_attempts_are_counted_with_the_first() -> None:
    """The last outcome is what the app gets."""
    rig = Rig(500, 502, 503)
    answer = await rig.call()

    assert isinstance(answer, Response)
    assert (answer.status, rig.sent) == (503, 3)
    assert [type(event) for event in rig.heard] == [Retrying, Retrying, TargetFailed]
    assert [event.reason for event in rig.heard] == ["500", "502", "503"]


async def test_the_last_answer_stops_the_sdk() -> None:
    """In every word it may listen to; a Retry-After that it would obey is put aside."""
    rig = Rig(*(told(500, Retry_After="1") for _ in range(3)), provider=Word())
    answer = await rig.call()

    assert isinstance(answer, Response)
    said = {name: answer.headers.get(name) for name in ("x-should-retry", "Acme-Should-Retry")}
    assert said == {"x-should-retry": "false", "Acme-Should-Retry": "false"}
    assert (answer.headers.get("Retry-After"), answer.headers.get("Outrider-Retry-After")) == (None, "1")


async def test_an_answer_that_no_table_names_is_left_alone() -> None:
    """A 404 is the provider's word to the app, as it came."""
    rig = Rig(told(404, Retry_After="1"), provider=Word())
    answer = await rig.call()

    assert isinstance(answer, Response)
    assert [name for name, _ in answer.fields if name.lower() not in (b"content-type",)] == [b"Retry-After"]


@pytest.mark.parametrize(("method", "unknown"), [("POST", True), ("PUT", True), ("GET", False)])
async def test_a_failure_that_may_have_taken_effect_says_so(method: str, unknown: bool) -> None:
    """Whoever asked for a change must not think that nothing was done."""
    rig = Rig(*(Unreachable("gone", written=True) for _ in range(3)))
    error = await rig.call(method)

    assert isinstance(error, AttemptFailed)
    assert ("its outcome is unknown" in error.detail) is unknown
    assert ("x-should-retry", "false") in error.stops


@pytest.mark.parametrize("refusal", [Limited("x", retry_after_s=1), Open("x", retry_after_s=1)])
async def test_our_own_refusal_of_a_retry_is_not_what_the_app_gets(refusal: OutriderError) -> None:
    """A provider's 503 does not become our 429; the retry that was not sent is given back."""
    rig = Rig(503, refusal, attempts=9)
    answer = await rig.call()

    assert isinstance(answer, Response)
    assert (answer.status, answer.headers.get("x-should-retry"), rig.sent) == (503, "false", 2)
    assert repr(rig.retry._known.budget).startswith("<Budget 0 of")


async def test_a_failure_outlasts_our_own_refusal() -> None:
    """What came of the attempt that was sent is told."""
    assert await Rig(WRITTEN, Limited("x", retry_after_s=1)).call() is WRITTEN


async def test_a_body_too_long_to_be_set_aside_is_let_go() -> None:
    """Then our own refusal is what is left to say."""
    long = Response(503, [], Generated(_pieces(b"x" * (PEEK + 1))))
    refusal = Limited("x", retry_after_s=1)

    assert await Rig(long, refusal).call() is refusal


async def test_an_upload_that_was_answered_early_reads_no_further() -> None:
    """What it would read while its answer is looked at could outgrow the cap, and the next attempt would lack it."""
    source: asyncio.Queue[bytes] = asyncio.Queue()
    body = Body(None, source=source.get)
    body.keep()

    async def upload() -> None:
        async for _ in body.pieces():
            pass

    async def slow() -> AsyncGenerator[bytes, None]:
        source.put_nowait(b"x" * (KEEP_ONE + 1))
        for _ in range(5):
            await asyncio.sleep(0)
        yield b"no"

    early = asyncio.ensure_future(upload())
    await asyncio.sleep(0)
    await Rig(Response(503, [], Generated(slow()))).call("PUT", body=body)

    assert (early.cancelled(), body.replayable) == (True, True)
    body.close()


async def test_an_earlier_attempt_that_may_have_taken_effect_is_not_forgotten() -> None:
    """The last one was not even written; the one before it was, so the outcome is unknown."""
    rig = Rig(500, Unreachable("x", written=False), attempts=2)
    exchange = rig.exchange("POST", key="mine")
    with pytest.raises(Unreachable) as failed:
        await rig.send(exchange)

    assert (exchange.uncertain, failed.value.written) == (True, True)
    assert "outcome is unknown" in failed.value.detail


async def test_a_body_that_is_gone_is_not_sent_again() -> None:
    """It was longer than what is kept."""
    body = Body(None, length=3)
    body._started = True
    rig = Rig(503)
    answer = await rig.call("PUT", body=body)

    assert isinstance(answer, Response)
    assert (answer.status, rig.sent) == (503, 1)


async def test_the_budget_bounds_all_exchanges_together() -> None:
    """Ten retries in ten seconds, or a fifth of the requests; then the first failure is the last."""
    rig = Rig(*(503 for _ in range(1000)), attempts=2, base="1ms", cap="1ms")
    for _ in range(40):
        await rig.call()

    assert rig.sent == 40 + 10


async def test_who_leaves_during_a_wait_gives_the_retry_back() -> None:
    """It was asked for and never sent."""
    rig = Rig(*(503 for _ in range(100)), attempts=2)
    rig.retry = Retry(
        rig.target, Options(attempts=2, base="1s", cap="1s"), Events(), clock=rig.clock, sleep=rig.clock.sleep
    )
    send = rig.retry.wrap(rig._send)
    for _ in range(25):
        call = asyncio.ensure_future(send(rig.exchange()))
        await rig.clock.asleep()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    assert rig.sent == 25
    assert "0 of 10 retries" in repr(rig.retry._known.budget)


async def test_an_answer_that_is_not_passed_on_is_closed() -> None:
    """Before the wait: its connection is of use to others meanwhile."""
    first, closed = respond(503), []
    rig = Rig(first)
    first.on_close(lambda: closed.append(rig.slept[:]))
    await rig.call()

    assert closed == [[]]


async def test_a_plugin_that_raises_leaves_nothing_open() -> None:
    """The response that it was asked about is closed."""

    class Broken(Word):
        def should_retry(self, response: Response) -> bool | None:
            raise RuntimeError("no")

    first, closed = respond(503), []
    first.on_close(lambda: closed.append(True))
    with pytest.raises(RuntimeError):
        await Rig(first, provider=Broken()).call()

    assert closed == [True]


async def test_recovery_is_told_once() -> None:
    """After the first good answer, however it came about."""
    rig = Rig(500, 500, 500, 200, 200)
    for _ in range(3):
        await rig.call()

    assert [type(event) for event in rig.heard if not isinstance(event, Retrying)] == [
        TargetFailed,
        TargetRecovered,
    ]


@pytest.mark.parametrize(("on", "sent"), [({"500": ("pass",)}, 1), ({"404": ("retry",)}, 3)])
async def test_the_error_table_decides(on: dict[str, Sequence[str]], sent: int) -> None:
    """A key that is given replaces its default."""
    status = int(next(iter(on)))
    rig = Rig(status, status, status, on=on)
    await rig.call()

    assert rig.sent == sent


async def test_a_key_of_ours_is_the_same_on_every_attempt() -> None:
    """Where the app gave one, it is the app's; a GET needs none."""
    rig = Rig(provider=Word())
    keys = []

    async def send(attempt: Attempt) -> Response:
        keys.append(attempt.headers.get("Idempotency-Key"))
        return respond(200)

    with_key = keyed(send, rig.target.idempotency)
    post = rig.exchange("POST")
    for exchange in (post, post, rig.exchange("GET")):
        await with_key(Attempt(exchange, rig.target))

    assert keys[0] == keys[1] == post.idempotency_key
    assert len(keys[0] or "") == 32
    assert keys[2] is None
