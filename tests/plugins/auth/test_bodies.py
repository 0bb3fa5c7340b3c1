"""Credentials in bodies: an app's own are taken off, through the real program; ours go into fields."""

import gzip
import http.client
import json
import time
from collections.abc import Iterable, Iterator

import pytest

from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[integrations.plaid]
provider = "plaid"
base_url = "{url}"
auth = {{ fields = {{ PLAID-CLIENT-ID = "env:ID", PLAID-SECRET = "env:SECRET" }} }}
[integrations.slack]
provider = "slack"
base_url = "{url}"
auth = {{ token = "env:SECRET" }}
[integrations.theirs]
provider = "plaid"
base_url = "{url}"
auth = {{ type = "pass" }}
[integrations.down]
provider = "plaid"
base_url = "http://127.0.0.1:9"
auth = {{ fields = {{ PLAID-CLIENT-ID = "env:ID", PLAID-SECRET = "env:SECRET" }} }}
"""
ENV = {"ID": "our-id", "SECRET": "our-secret"}
JSON, FORM = "application/json", "application/x-www-form-urlencoded; charset=utf-8"
DUMMIES = {"client_id": "their-id", "secret": "their-secret"}
LONG = "x" * 300_000


@pytest.fixture(scope="module")
def sidecar(module_provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=module_provider.url), env=ENV) as started:
        yield started


def post(sidecar: Sidecar, path: str, body: bytes | Iterable[bytes], kind: str = JSON, **fields: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    connection.request("POST", path, body, {"Content-Type": kind, **named})
    status = connection.getresponse().status
    connection.close()
    return status


def test_plaid_gets_ours_alone(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The rest of the body is what the app wrote, digit for digit."""
    given = (
        b'{"client_id": "their-id", "secret": "their-secret", "amount": 1.10, "options": {"secret": "kept"}}'
    )
    post(sidecar, "/plaid/transfer/create", given, PLAID_SECRET="their-secret")
    (request,) = provider.requests

    assert request.body == b'{"amount": 1.10,"options": {"secret": "kept"}}'
    assert request.values("Content-Length") == [str(len(request.body))]
    assert request.values("PLAID-CLIENT-ID") == ["our-id"]
    assert request.values("PLAID-SECRET") == ["our-secret"]


@pytest.mark.parametrize(
    ("path", "body", "kind", "left"),
    [
        ("/slack/api/chat.postMessage", b"token=xoxp-theirs&text=a%20b", FORM, b"text=a%20b"),
        ("/slack/api/chat.postMessage?token=xoxp-theirs", b'{"token": "x"}', JSON, b"{}"),
        ("/plaid/x", b"not JSON, secret", JSON, b"not JSON, secret"),
        ("/theirs/x", json.dumps(DUMMIES).encode(), JSON, json.dumps(DUMMIES).encode()),
        ("/plaid/x", b'{"secret":1}', "multipart/form-data; boundary=b", b'{"secret":1}'),
        ("/plaid/x", f'{{"secret":"{LONG}"}}'.encode(), JSON, f'{{"secret":"{LONG}"}}'.encode()),
    ],
)
def test_what_is_left(
    sidecar: Sidecar, provider: FakeProvider, path: str, body: bytes, kind: str, left: bytes
) -> None:
    """Of forms and JSON; other bodies, longer ones, and those of an app with its own credential stay."""
    assert post(sidecar, path, body, kind) == 200
    (request,) = provider.requests

    assert request.body == left
    assert "token=" not in request.target


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"client_id": "x", "secret": "shop-token", "a": 1}', JSON, 200),
        (b"secret=shop-token&a=1", FORM, 200),
        (b'{"secret": "wrong"}', JSON, 401),
        (b'{"a": "shop-token"}', JSON, 401),
        # What is not taken off is not looked at either: it would go to the provider.
        (b'{"secret": "shop-token"}', "text/plain", 401),
        (b'{"secret": "shop-token", "a": "&secret=x&"}', FORM, 401),
        (b"secret=shop-token", JSON, 401),
        (b"secret=shop-token", "", 401),
        (f'{{"secret": "shop-token", "a": "{LONG}"}}'.encode(), JSON, 401),
    ],
)
def test_where_there_are_clients_one_s_token_may_stand_there(
    module_provider: FakeProvider, provider: FakeProvider, body: bytes, kind: str, status: int
) -> None:
    """As the provider's own secret would; it goes no further."""
    config = CONFIG.format(url=module_provider.url) + '[clients.shop]\ntoken = "env:SHOP"\n'
    with Sidecar(config, env={**ENV, "SHOP": "shop-token"}) as sidecar:
        assert post(sidecar, "/plaid/x", body, kind) == status
        assert post(sidecar, "/theirs/x", body, kind) == 401
        assert post(sidecar, "/plaid/x", body, kind, Expect="100-continue") == 401

    assert len(provider.requests) == (status == 200)
    assert not any(b"shop-token" in request.body for request in provider.requests)


def test_a_body_in_chunks_and_one_that_is_compressed(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The first is read, and refused where it is too long for that; into the second nobody looks."""
    packed = gzip.compress(b'{"secret": 1}')
    statuses = [
        post(sidecar, "/plaid/x", [b'{"secret": "s",', b'"a": 1}'], JSON),
        post(sidecar, "/plaid/x", [LONG.encode()], JSON),
        post(sidecar, "/plaid/x", packed, JSON, Content_Encoding="gzip"),
    ]

    assert statuses == [200, 413, 200]
    assert [request.body for request in provider.requests] == [b'{"a": 1}', packed]


def test_a_job_holds_none_of_them(sidecar: Sidecar) -> None:
    """They are taken off before it is kept."""
    status = post(sidecar, "/down/x", b'{"secret": "their-secret", "a": 1}', Prefer="respond-async")
    until = time.monotonic() + 10
    found: list[bytes] = []
    while not any(b'{"a": 1}' in one for one in found) and time.monotonic() < until:
        found = [path.read_bytes() for path in sidecar.config_path.parent.rglob("*") if path.is_file()]

    assert status == 202
    assert any(b'{"a": 1}' in one for one in found)
    assert not any(b"their-secret" in one for one in found)
