"""Clients through the real program: what each may call, how often, and what is counted."""

import http.client
import json
from collections.abc import Iterator, Mapping

import pytest

from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[integrations.acme]
base_url = "{url}"
auth = {{ type = "bearer", token = "env:KEY" }}
[integrations.other]
base_url = "{url}"
auth = {{ type = "header", name = "X-Other", value = "env:KEY" }}
fallback.targets = ["acme"]
[integrations.own]
base_url = "{url}"
auth = {{ type = "pass" }}
[clients.shop]
token = "env:SHOP"
endpoints = ["GET /v1/{{thing}}"]
[clients.bulk]
token = "env:BULK"
rate = "3/h"
"""
ENV = {"KEY": "the-key", "SHOP": "shop-token", "BULK": "bulk-token"}


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=provider.url), env=ENV) as started:
        yield started


def ask(
    sidecar: Sidecar, path: str, headers: Mapping[str, str], method: str = "GET"
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    connection.request(method, path, headers=dict(headers))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_a_client_makes_only_its_endpoints(sidecar: Sidecar) -> None:
    """Everything else is a 403 that names the client, and is counted as the client's."""
    token = {"Outrider-Token": "shop-token"}

    assert ask(sidecar, "/acme/v1/things", token)[0] == 200
    status, _, body = ask(sidecar, "/acme/v1/things", token, method="POST")

    assert (status, json.loads(body)["detail"]) == (403, "client 'shop' may not call POST /v1/things")
    counted = {"client": "shop", "integration": "acme"}
    assert sidecar.metric("outrider_client_requests_total", **counted, status="2xx") == 1
    assert sidecar.metric("outrider_client_requests_total", **counted, status="4xx") == 1


def test_a_client_has_a_rate_of_its_own(sidecar: Sidecar) -> None:
    """A whole window of it may go at once, at all integrations together; then 429 and the true time."""
    token = {"Authorization": "Bearer bulk-token"}
    seen = [ask(sidecar, f"/{name}/x", token)[0] for name in ("acme", "other", "acme")]
    status, headers, body = ask(sidecar, "/other/x", {"X-Other": "bulk-token"})

    assert (seen, status) == ([200, 200, 200], 429)
    assert 1190 <= int(headers["Retry-After"]) <= 1200
    assert "clients.bulk.rate" in json.loads(body)["detail"]
    assert ask(sidecar, "/acme/v1/x", {"Outrider-Token": "shop-token"})[0] == 200


def test_a_users_own_token_passes_beside_the_clients(sidecar: Sidecar, provider: FakeProvider) -> None:
    """With `type = "pass"` the client stands in Outrider-Token, and Authorization is the user's."""
    provider.clear()
    user = {"Authorization": "Bearer of-a-user"}

    assert ask(sidecar, "/own/v1/x", user)[0] == 401
    assert ask(sidecar, "/own/v1/x", {**user, "Outrider-Token": "shop-token"})[0] == 200
    (request,) = provider.requests
    assert request.values("Authorization") == ["Bearer of-a-user"]
    assert request.values("Outrider-Token") == []


def test_a_token_does_not_reach_a_fallback(sidecar: Sidecar, provider: FakeProvider) -> None:
    """It stood where the first target's key goes, which is no place of the fallback's."""
    provider.clear()
    provider.handler = None
    for _ in range(4):
        provider.reply(503)
    status, _, _ = ask(sidecar, "/other/v1/x", {"X-Other": "shop-token"})

    assert status == 200
    assert provider.requests[-1].values("Authorization") == ["Bearer the-key"]
    assert not any("shop-token" in value for request in provider.requests for _, value in request.headers)
