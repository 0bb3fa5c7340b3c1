"""Status pages through the real program: when they are looked at, and who tells what they say."""

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from outrider.config import BaseUrl, IntegrationConfig, Url
from outrider.plugin import Incident, Provider, StatusPage, Target
from outrider.secrets import Vault
from outrider.testing import FakeClock, FakeProvider, Sidecar
from outrider_plugins.statuspages import FRESH_S, Page, feed_of

CONFIG = """
[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}
breaker = {{ failures = 3, open = "30s" }}
status_page = {{ feed = "{page}/summary.json" }}
"""
DOWN = {
    "status": {"indicator": "major", "description": "Partial System Outage"},
    "incidents": [{"name": "Elevated API errors", "status": "investigating", "impact": "major"}],
}
WELL = {"status": {"indicator": "none", "description": "All Systems Operational"}, "incidents": []}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def page() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def sidecar(provider: FakeProvider, page: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=provider.url, page=page.url)) as started:
        yield started


def get(url: str, path: str) -> tuple[int, Mapping[str, str], Any]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, answer.headers, json.loads(body) if body else None
    finally:
        connection.close()


def test_it_is_looked_at_only_when_something_fails(
    sidecar: Sidecar, provider: FakeProvider, page: FakeProvider
) -> None:
    """Not for good answers and not for what the app got wrong; once for a run of failures, without a credential."""
    page.reply(200, WELL)
    for status in (200, 404, 429):
        provider.reply(status)
        get(sidecar.url, "/acme/x")
    before = len(page.requests)
    for _ in range(2):
        provider.reply(502)
        get(sidecar.url, "/acme/x")
    page.until(lambda: bool(page.requests))
    provider.reply(200)
    get(sidecar.url, "/acme/x")

    assert before == 0
    assert [request.target for request in page.requests] == ["/summary.json"]
    assert "authorization" not in {name.lower() for name, _ in page.requests[0].headers}
    assert sidecar.metric("outrider_provider_status", integration="acme") == 0
    assert sidecar.metric("outrider_provider_incident", integration="acme") == 0


def test_what_it_says_is_told_everywhere(
    sidecar: Sidecar, provider: FakeProvider, page: FakeProvider
) -> None:
    """In the log, the metric, /api/integrations and Outrider's own answers; the breaker opens at once, and longer."""
    page.reply(200, DOWN)
    provider.reply(502)
    get(sidecar.url, "/acme/x")
    sidecar.until_said("integration 'acme': its provider says: Elevated API errors (major)")
    provider.reply(503, {"theirs": True})
    theirs = get(sidecar.url, "/acme/x")
    status, headers, body = get(sidecar.url, "/acme/x")

    assert (theirs[0], theirs[2]) == (503, {"theirs": True})  # the provider's own answer is never changed
    assert status == 503
    assert body["detail"].endswith("its provider says: Elevated API errors (major)")
    assert "Elevated API errors" in headers["Proxy-Status"]
    assert 90 < int(headers["Retry-After"]) <= 120
    assert sidecar.metric("outrider_provider_status", integration="acme") == 2
    assert sidecar.metric("outrider_provider_incident", incident="Elevated API errors") == 2
    told = get(sidecar.admin_url, "/api/integrations")[2]["integrations"][0]["incident"]
    assert told == {"name": "Elevated API errors", "severity": "major"}


@pytest.mark.parametrize("answer", [(500, b""), (200, b"<html>moved</html>"), (302, b"")])
def test_a_page_that_cannot_be_read_says_nothing(
    sidecar: Sidecar, provider: FakeProvider, page: FakeProvider, answer: tuple[int, bytes]
) -> None:
    """The log has a line, and everything is as it would be without the page."""
    page.reply(*answer)
    provider.reply(502)
    get(sidecar.url, "/acme/x")
    sidecar.until_said("cannot be read")

    assert get(sidecar.admin_url, "/api/integrations")[2]["integrations"][0]["incident"] is None


async def test_it_is_looked_at_until_it_is_over() -> None:
    """A look is good for a minute; one that fails leaves what was said, for a while."""
    clock = FakeClock()
    with FakeProvider() as server:
        page = Page(Url.parse(f"{server.url}/s"), "statuspage", clock=clock, sleep=clock.sleep)
        target = make(status_page={"feed": f"{server.url}/s"})
        page.targets.add(target)
        said: list[Incident | None] = []
        for body in (DOWN, None, WELL, DOWN):
            server.reply(*((200, body) if body is not None else (500,)))
            look = page.look()
            assert look is not None
            assert page.look() is look  # one for all who ask
            await look
            assert page.look() is None
            said.append(target.incident)
            clock.advance(FRESH_S)

        assert said == [Incident("Elevated API errors", 2)] * 2 + [None, Incident("Elevated API errors", 2)]
        assert len(server.requests) == 4


class Acme(Provider):
    name = "acme"
    base_url = "https://api.acme.example/v1"
    regions = {"eu": "https://api.eu.acme.example"}
    status_page = StatusPage(
        "https://status.acme.example", feed="https://status.acme.example/feed/", shape="rss"
    )


class Shop(Acme):
    base_url = None
    base_url_form = "https://{shop}.acme.example/admin"


def make(provider: Provider | None = None, **keys: Any) -> Target:
    config = IntegrationConfig.model_validate({"name": "acme", **keys})
    base = config.base_url or BaseUrl.parse("https://api.acme.example/v1")
    return Target("acme", config, base, provider, Vault(Path()))


@pytest.mark.parametrize(
    ("provider", "keys", "expected"),
    [
        (None, {}, None),
        (Provider(), {}, None),
        (Acme(), {}, ("https://status.acme.example/feed/", "rss")),
        (Acme(), {"base_url": "https://api.eu.acme.example"}, ("https://status.acme.example/feed/", "rss")),
        (Acme(), {"base_url": "http://127.0.0.1:9"}, None),
        (Shop(), {"base_url": "https://mine.acme.example"}, ("https://status.acme.example/feed/", "rss")),
        (Shop(), {"base_url": "https://acme.example.evil.example"}, None),
        (Acme(), {"status_page": {"ask": False}}, None),
        (Acme(), {"status_page": {"feed": "https://own.example/s"}}, ("https://own.example/s", "statuspage")),
    ],
)
def test_whose_page_it_is(
    provider: Provider | None, keys: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    """The file's, else the provider's, which tells nothing of another host than its own."""
    found = feed_of(make(provider, **keys))

    assert expected == (None if found is None else (str(found[0]), found[1]))
