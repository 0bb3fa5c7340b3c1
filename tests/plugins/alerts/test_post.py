"""Who is told, as the configuration in force has it."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from outrider.config import Alerts
from outrider.plugin import App
from outrider.testing import FakeProvider
from outrider_plugins.alerts.book import Book
from outrider_plugins.alerts.post import Post


class Vault:
    """Every secret is the webhook's URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, ref: object) -> Any:
        return SimpleNamespace(value=self.url)


@pytest.fixture
def receiver() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


def app(receiver: FakeProvider, **alerts: Any) -> App:
    config = SimpleNamespace(alerts=Alerts.model_validate({"group": 0, "every": 0, **alerts}))
    table = SimpleNamespace(config=config, vault=Vault(f"{receiver.url}/hook"), integrations={})
    return cast(App, SimpleNamespace(table=table))


def told(receiver: FakeProvider) -> list[str]:
    return [one["kind"] for request in receiver.requests for one in json.loads(request.body)["alerts"]]


async def test_only_the_kinds_that_are_wanted(receiver: FakeProvider) -> None:
    """The log and `/api/alerts` have all; the last message goes out before the end."""
    book = Book()
    post = Post(app(receiver, webhook="env:HOOK", kinds=["breaker"]), book)
    book.tell = post.tell
    post.renew()
    for kind in ("failing", "breaker"):
        book.begin("acme", kind, "x", "is wrong")
    await post.close()

    assert told(receiver) == ["breaker"]
    assert [alert.kind for alert in book.on] == ["failing", "breaker"]


async def test_a_new_place_is_told_what_is_on(receiver: FakeProvider) -> None:
    """After a reload; one that is gone is told no more, and one that stays does not hear it twice."""
    book = Book()
    running = app(receiver)
    post = Post(running, book)
    book.tell = post.tell
    post.renew()
    book.begin("acme", "failing", "503", "failed: 503")
    nobody = told(receiver)
    running.table.config = app(receiver, webhook=["env:ONE"]).table.config
    post.renew()
    running.table.config = app(receiver, webhook=["env:ONE", "env:TWO"]).table.config
    post.renew()
    await post.close()

    assert nobody == []
    assert told(receiver) == ["failing", "failing"]
