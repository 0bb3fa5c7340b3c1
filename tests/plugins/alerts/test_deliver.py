"""What a place is told, and when: on a fake clock, with a real receiver."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from outrider.plugin import Url, spawn
from outrider.testing import FakeClock, FakeProvider, Step, reply
from outrider_plugins.alerts.alert import Alert
from outrider_plugins.alerts.deliver import Mailbox, Pace
from outrider_plugins.alerts.shapes import generic

PACE = Pace(group=10, every=60, repeat=4 * 3600)


@pytest.fixture
def receiver() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def box(receiver: FakeProvider, clock: FakeClock) -> AsyncIterator[Mailbox]:
    url = Url.parse(f"{receiver.url}/hook")
    made = Mailbox(
        "the webhook",
        lambda: (url, "?key=s3cret", []),
        generic,
        PACE,
        clock=clock,
        sleep=clock.sleep,
        now=clock,
    )
    task = spawn(made.run(), name="box")
    yield made
    task.cancel()


def alert(reason: str, clock: FakeClock, kind: str = "failing") -> Alert:
    return Alert(("acme", kind, reason), f"failed: {reason}", clock())


def over(what: Alert, clock: FakeClock) -> Alert:
    what.ended, what.end = clock(), "answers again"
    return what


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):  # noqa: TID251 - a test's own
        while not claim():  # noqa: ASYNC110 - the claims are about sockets and the log
            await asyncio.sleep(0.001)


async def pass_by(clock: FakeClock, seconds: float) -> None:
    """Let time pass for the mailbox, once it waits for it."""
    await clock.asleep()
    clock.advance(seconds)


def messages(receiver: FakeProvider) -> list[list[tuple[str, str]]]:
    return [
        [(one["reason"], one["status"]) for one in json.loads(request.body)["alerts"]]
        for request in receiver.requests
    ]


async def test_what_comes_together_goes_out_together(
    box: Mailbox, receiver: FakeProvider, clock: FakeClock
) -> None:
    """Ten seconds after the first; the next message a minute later at the earliest."""
    first = alert("503", clock)
    box.put(first)
    await clock.asleep()
    box.put(alert("502", clock))
    clock.advance(10)
    await until(lambda: len(receiver.requests) == 1)
    box.put(over(first, clock))
    await pass_by(clock, 10)
    await pass_by(clock, 49)
    too_early = len(receiver.requests)
    clock.advance(1)
    await until(lambda: len(receiver.requests) == 2)

    assert too_early == 1
    assert messages(receiver) == [[("503", "firing"), ("502", "firing")], [("503", "resolved")]]
    assert receiver.requests[0].target == "/hook?key=s3cret"


async def test_what_is_over_before_anybody_knew_is_not_told(
    box: Mailbox, receiver: FakeProvider, clock: FakeClock
) -> None:
    """One blip is no message."""
    blip, lasting = alert("503", clock), alert("502", clock)
    box.put(blip)
    box.put(lasting)
    box.put(over(blip, clock))
    await pass_by(clock, 10)
    await until(lambda: len(receiver.requests) == 1)

    assert messages(receiver) == [[("502", "firing")]]


async def test_a_message_that_failed_is_sent_again(
    box: Mailbox, receiver: FakeProvider, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With what has come in between; the log tells of the first failure, and of the end, without the URL."""
    receiver.reply(500)
    receiver.raw()  # closes without an answer
    box.put(alert("503", clock))
    await pass_by(clock, 10)
    await until(lambda: len(receiver.requests) == 1)
    box.put(alert("502", clock))
    await pass_by(clock, 1)
    await until(lambda: len(receiver.requests) == 2)
    await pass_by(clock, 2)
    await until(lambda: "told again" in caplog.text)

    assert messages(receiver)[-1] == [("503", "firing"), ("502", "firing")]
    assert caplog.text.count("is not told: it answered 500; it is tried again") == 1
    assert "s3cret" not in caplog.text


async def test_what_could_not_be_told_for_an_hour_is_dropped(
    box: Mailbox, receiver: FakeProvider, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what, so that it is not lost."""
    receiver.handler = lambda request: reply(500)
    box.put(alert("503", clock))
    await pass_by(clock, 10)

    def dropped() -> bool:
        return "could not be told for an hour" in caplog.text

    while not dropped():
        await until(lambda: dropped() or bool(clock.sleepers))
        clock.advance(300)

    assert "integration 'acme': failed: 503" in caplog.text
    assert len(receiver.requests) < 30
    assert repr(box) == "<Mailbox the webhook, 0 waiting>"


async def test_what_lasts_is_told_again(box: Mailbox, receiver: FakeProvider, clock: FakeClock) -> None:
    """Each `repeat`; here of no time at all."""
    box.pace = Pace(group=0, every=0, repeat=0.01)
    lasting = alert("503", clock)
    box.put(lasting)
    await until(lambda: len(receiver.requests) >= 2)
    box.put(over(lasting, clock))
    await until(lambda: messages(receiver)[-1] == [("503", "resolved")])


async def test_the_end_that_comes_during_the_message_is_told(
    box: Mailbox, receiver: FakeProvider, clock: FakeClock
) -> None:
    """Or the place would believe in it for ever."""
    receiver.raw(Step.WAIT, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    lasting = alert("503", clock)
    box.put(lasting)
    await pass_by(clock, 10)
    await until(lambda: len(receiver.requests) == 1)
    box.put(over(lasting, clock))
    receiver.release()
    await pass_by(clock, 60)
    await until(lambda: len(receiver.requests) == 2)

    assert messages(receiver) == [[("503", "firing")], [("503", "resolved")]]


async def test_what_waits_is_bounded(
    box: Mailbox, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest is dropped, and the log has it."""
    for number in range(501):
        box.put(alert(str(number), clock))

    assert repr(box) == "<Mailbox the webhook, 500 waiting>"
    assert "too many are waiting: integration 'acme': failed: 0" in caplog.text
