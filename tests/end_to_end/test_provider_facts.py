"""What a provider's data does on the request path, through the real program with a plugin."""

import gzip
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.plugin import installed
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar

PLUGIN = """
from outrider.plugin import Provider, Sign, hookimpl

class Acme(Provider):
    name = "acme"
    limit_signs = (Sign(403, words=("rate limit",)), Sign(200, words=("THROTTLED",)))
    judged_calls = ("POST /graphql",)
    quota_signs = (Sign(429, words=("spent",)),)
    retry_signs = (Sign(409, words=("locked",)),)
    safe_calls = ("POST /search",)
    idempotency_field = "key"
    error = {"oops": {"code": "{status}"}}

@hookimpl
def outrider_providers():
    return [Acme]
"""
#: More than 16 KiB, compressed too.
LONG = secrets.token_hex(20_000)
CONFIG = """
[integrations.acme]
provider = "acme"
base_url = "{url}"
auth = {{ type = "none" }}
retry = {{ attempts = 3, base = "1ms", cap = "2ms" }}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeProvider, Sidecar]]:
    env = installed(tmp_path_factory.mktemp("plugin"), PLUGIN)
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url), env=env) as sidecar:
        yield provider, sidecar


def ask(sidecar: Sidecar, method: str, path: str, body: object = None):
    data = b"" if body is None else json.dumps(body).encode()
    with Wire(sidecar.port) as wire:
        head = f"{method} /acme{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        wire.send(head.encode() + data)
        return wire.answer()


@pytest.mark.parametrize(
    ("path", "body", "status", "said", "requests"),
    [
        ("/things", {}, 403, "a secondary rate limit", 3),  # a limit: it was not executed
        ("/things", {}, 403, "not yours", 1),
        ("/things", {}, 429, "all spent", 1),  # no wait helps
        ("/things", {}, 429, "slow down", 3),
        ("/things", {}, 409, "locked by another", 3),
        ("/things", {}, 500, "oh", 1),
        ("/things", {"key": "k"}, 500, "oh", 3),  # the app's own key, in its body
        ("/search", {}, 500, "oh", 3),  # it only reads
        ("/graphql", {}, 200, "THROTTLED", 3),  # an error in a 200
        ("/graphql", {}, 200, "fine", 1),
        ("/graphql", {}, 200, f"THROTTLED {LONG}", 1),  # too long to be an error
        ("/things", {}, 200, "THROTTLED", 1),  # no call whose 200 may be an error
    ],
)
def test_what_is_sent_again(
    tmp_path: Path, path: str, body: object, status: int, said: str, requests: int
) -> None:
    """As the provider's signs, calls and fields say; what was compressed is read all the same."""
    env = installed(tmp_path, PLUGIN)
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url), env=env) as sidecar:
        data = gzip.compress(said.encode())
        for _ in range(3):
            provider.reply(status, data, {"Content-Encoding": "gzip"})
        answer = ask(sidecar, "POST", path, body)

    assert (answer.status, len(provider.requests)) == (status, requests)
    assert gzip.decompress(answer.body).decode() == said


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("br;q=1.0, gzip;q=0.5", "gzip;q=0.5"),
        ("br", "identity"),
        ("gzip, deflate", "gzip, deflate"),
    ],
)
def test_what_is_judged_is_asked_for_so_that_it_can_be_read(
    shared: tuple[FakeProvider, Sidecar], offered: str, asked: str
) -> None:
    """Nobody here reads brotli, and a spent quota in it would be tried again."""
    provider, sidecar = shared
    provider.clear()
    with Wire(sidecar.port) as wire:
        wire.send(f"GET /acme/x HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {offered}\r\n\r\n".encode())
        wire.answer()

    assert provider.requests[0].values("Accept-Encoding") == [asked]


def test_a_key_in_a_body_that_comes_later(tmp_path: Path) -> None:
    """Most clients write head and body apart; what has streamed to the provider is looked at all the same."""
    env = installed(tmp_path, PLUGIN)
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url), env=env) as sidecar:
        provider.reply(500)
        with Wire(sidecar.port) as wire:
            wire.send(b"POST /acme/things HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n")
            provider.until(lambda: len(provider.requests) == 1)
            wire.send(b'{"key":"k"}')
            answer = wire.answer()

    assert answer.status == 200
    assert [request.body for request in provider.requests] == [b'{"key":"k"}'] * 2


def test_a_limit_that_is_no_429_moves_on_as_one(tmp_path: Path) -> None:
    """`on."429"` names failover; a POST was not executed, so it may move."""
    env = installed(tmp_path, PLUGIN)
    fallback = (
        '[integrations.acme.fallback]\ntargets = ["other"]\n[integrations.other]\nbase_url = "{url}/o"\n'
    )
    with FakeProvider() as provider:
        config = (CONFIG + fallback).format(url=provider.url)
        with Sidecar(config.replace("attempts = 3", "attempts = 1"), env=env) as sidecar:
            provider.reply(403, "a secondary rate limit")
            answer = ask(sidecar, "POST", "/things", {})

    assert [request.target for request in provider.requests] == ["/things", "/o/things"]
    assert answer.status == 200


def test_a_limit_in_a_200_holds_back_and_moves_on(tmp_path: Path) -> None:
    """As a 429 does; the app gets the fallback's answer, and the 200 itself where there is none."""
    env = installed(tmp_path, PLUGIN)
    fallback = (
        '[integrations.acme.fallback]\ntargets = ["other"]\n[integrations.other]\nbase_url = "{url}/o"\n'
    )
    with FakeProvider() as provider:
        config = (CONFIG + fallback).format(url=provider.url)
        with Sidecar(config.replace("attempts = 3", "attempts = 1"), env=env) as sidecar:
            provider.reply(200, "THROTTLED", {"Retry-After": "30"})
            first = ask(sidecar, "POST", "/graphql", {})
            second = ask(sidecar, "GET", "/things")

    assert [request.target for request in provider.requests] == ["/graphql", "/o/graphql", "/o/things"]
    assert (first.status, second.status) == (200, 200)


def test_our_own_answer_has_the_provider_s_envelope(tmp_path: Path) -> None:
    """From the template in its class."""
    env = installed(tmp_path, PLUGIN)
    with Sidecar(CONFIG.format(url="http://127.0.0.1:9"), env=env) as sidecar:
        answer = ask(sidecar, "POST", "/things", {})

    assert (answer.status, json.loads(answer.body)) == (502, {"oops": {"code": 502}})
