"""Which alerts are on: begun by a sign, told once, over when it is over."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from outrider.plugin import Incident, Target
from outrider_plugins.alerts.alert import Alert
from outrider_plugins.alerts.book import Book
from outrider_plugins.statuspages import Pages


class Page:
    """The status page of every target: it takes as long as the test wants."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.target = cast(Target, type("FakeTarget", (), {"name": "acme", "incident": None})())

    def look(self, target: Target) -> asyncio.Task[Any] | None:
        return asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        await self.read.wait()
        self.target.incident = Incident("API down", 3)


def recorded(book: Book) -> list[tuple[Alert, bool]]:
    told: list[tuple[Alert, bool]] = []
    book.tell = lambda alert: told.append((alert, alert.ended is not None))
    return told


def test_the_same_trouble_is_told_once() -> None:
    """Until it is over; then it is trouble anew."""
    book = Book()
    told = recorded(book)
    for _ in range(3):
        book.begin("acme", "failing", "503", "failed: 503")
    book.begin("acme", "failing", "502", "failed: 502")
    book.begin("other", "failing", "503", "failed: 503")
    book.end("acme", ("failing", "invalid-key"), "answers again")
    book.end("acme", ("failing",), "answers again")
    book.begin("acme", "failing", "503", "failed: 503")

    assert [(alert.integration, alert.reason, over) for alert, over in told] == [
        ("acme", "503", False),
        ("acme", "502", False),
        ("other", "503", False),
        ("acme", "503", True),
        ("acme", "502", True),
        ("acme", "503", False),
    ]
    assert [alert.key for alert in book.on] == [("other", "failing", "503"), ("acme", "failing", "503")]


async def test_the_status_page_is_looked_at_first() -> None:
    """The alert has the incident's name; nobody waits for it but the alert."""
    page = Page()
    book = Book(pages=cast(Pages, page))
    told = recorded(book)
    book.begin("acme", "failing", "503", "failed: 503", page.target)
    book.begin("acme", "invalid-key", "401", "failed: 401")
    before = [alert.kind for alert, _ in told]
    book.end("acme", ("failing",), "answers again")
    page.read.set()
    for _ in range(10):
        await asyncio.sleep(0)

    assert before == ["invalid-key"]
    assert [(alert.kind, over) for alert, over in told[1:]] == [("failing", True)] * 2
    assert told[1][0].line == "integration 'acme': failed: 503; its provider says: API down (critical)"


def test_what_nothing_ends_is_over_when_it_is_not_seen_again() -> None:
    """A spent budget, a minute after the last time."""
    now = [1000.0]
    timers: list[tuple[float, Callable[[], None]]] = []
    book = Book(now=lambda: now[0], call_later=lambda seconds, call: timers.append((now[0] + seconds, call)))
    told = recorded(book)
    book.begin("acme", "budget", "spent", "its retry budget is spent")
    now[0] = 1040.0
    book.begin("acme", "budget", "spent", "its retry budget is spent")
    for _ in range(2):
        now[0], call = timers.pop()
        call()

    assert [over for _, over in told] == [False, True]
    assert told[0][0].ended == 1100.0
    assert timers == []


def test_what_a_new_configuration_does_not_know_is_over() -> None:
    """Told with its reason."""
    book = Book()
    told = recorded(book)
    for name in ("acme", "gone"):
        book.begin(name, "credential", "refused", "its credential was refused")

    book.keep(lambda alert: alert.integration == "acme")

    assert [alert.integration for alert in book.on] == ["acme"]
    assert [(alert.integration, alert.end) for alert, over in told if over] == [
        ("gone", "the configuration was reloaded")
    ]


def test_memory_is_bounded() -> None:
    """However many statuses a provider thinks of."""
    book = Book()
    for number in range(2000):
        book.begin("acme", "failing", str(number), "failed " + "x" * 10_000)

    assert len(book.on) == 1000
    assert max(len(alert.text) for alert in book.on) == 500
