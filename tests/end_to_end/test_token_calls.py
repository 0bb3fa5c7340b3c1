"""Token calls of SDKs: answered by the real program, with a token that means nothing or the client's own."""

import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar

INTEGRATIONS = """
[integrations.paypal]
provider = "paypal"
base_url = "{url}"
endpoints_only = true
auth = {{ type = "bearer", token = "env:KEY" }}
endpoints = [{{ call = "GET /v2/things" }}]

[integrations.github]
provider = "github"
base_url = "{url}/api/v3"
auth = {{ type = "bearer", token = "env:KEY" }}

[integrations.discord]
provider = "discord"
base_url = "{url}"
auth = {{ type = "header", name = "Authorization", value = "env:KEY", format = "Bot {{secret}}" }}

[integrations.theirs]
provider = "paypal"
base_url = "{url}"
auth = {{ type = "pass" }}
"""
CLIENTS = """
[clients.shop]
token = "env:SHOP"
endpoints = ["GET /v2/things", "GET /api/v2/things"]
[clients.other]
token = "env:OTHER"
integrations = []
"""
ENV = {"KEY": "the-real-key", "SHOP": "shop-token", "OTHER": "other-token"}
PAYPAL, GITHUB = "/paypal/v1/oauth2/token", "/github/app/installations/7/access_tokens"
DISCORD = "/discord/api/oauth2/token"
NESTED = base64.urlsafe_b64encode(b"[" * 3000 + b"]" * 3000).decode().rstrip("=")
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def sidecar(module_provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(INTEGRATIONS.format(url=module_provider.url), env=ENV) as started:
        yield started


@pytest.fixture(scope="module")
def with_clients(module_provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(INTEGRATIONS.format(url=module_provider.url) + CLIENTS, env=ENV) as started:
        yield started


def ask(
    sidecar: Sidecar, method: str, path: str, authorization: str, body: str = "", kind: str = FORM
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    connection.request(method, path, body, {"Authorization": authorization, "Content-Type": kind})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, json.loads(data)


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("path", "body"),
    [(PAYPAL, "grant_type=client_credentials"), (GITHUB, '{"permissions": {}}'), (GITHUB, "")],
)
def test_it_is_answered_here(sidecar: Sidecar, provider: FakeProvider, path: str, body: str) -> None:
    """In the words that SDKs read; the provider sees nothing of it."""
    status, said = ask(sidecar, "POST", path, basic("id:secret"), body)

    assert (status, provider.requests) == (200, [])
    assert (said["access_token"], said["token"], said["token_type"]) == ("outrider", "outrider", "Bearer")
    assert said["expires_in"] == 3600
    assert said["instance_url"] == f"{sidecar.url}/{path.split('/')[1]}"


def test_the_token_is_taken_off_again(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The provider gets our key."""
    said = ask(sidecar, "POST", PAYPAL, basic("id:secret"), "grant_type=client_credentials")[1]
    status, _ = ask(sidecar, "GET", "/paypal/v2/things", f"Bearer {said['access_token']}")

    assert status == 200
    assert provider.requests[0].values("Authorization") == ["Bearer the-real-key"]


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (DISCORD, "grant_type=authorization_code&code=c", FORM),
        (DISCORD, '{"grant_type": "authorization_code", "code": "c"}', "application/json"),
        ("/theirs/v1/oauth2/token", "grant_type=client_credentials", FORM),
    ],
)
def test_what_only_the_provider_can_answer_goes_there(
    sidecar: Sidecar, provider: FakeProvider, path: str, body: str, kind: str
) -> None:
    """A user's code, and whatever an app with a credential of its own asks for."""
    status, said = ask(sidecar, "POST", path, "Bearer x", body, kind)

    assert (status, said) == (200, {"ok": True})
    assert provider.requests[0].body.decode() == body


def test_with_clients_the_token_is_the_caller_s_own(with_clients: Sidecar, provider: FakeProvider) -> None:
    """So the calls that bring it are the client's, whose endpoints need not name the token call."""
    status, said = ask(with_clients, "POST", PAYPAL, basic("id:shop-token"), "grant_type=client_credentials")
    used = ask(with_clients, "GET", "/paypal/v2/things", f"Bearer {said['access_token']}")[0]
    other = ask(with_clients, "GET", "/paypal/v2/else", f"Bearer {said['access_token']}")[0]

    assert (status, said["access_token"]) == (200, "shop-token")
    assert (used, other) == (200, 403)
    assert provider.requests[0].values("Authorization") == ["Bearer the-real-key"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("grant_type=client_credentials&client_id=x&client_secret=shop-token", FORM),
        ("grant_type=refresh_token&refresh_token=r&client_id=shop-token", FORM),
        ('{"grant_type": "client_credentials", "client_secret": "shop-token"}', "application/json"),
    ],
)
def test_a_client_secret_in_the_body_is_the_client_s_token(
    with_clients: Sidecar, provider: FakeProvider, body: str, kind: str
) -> None:
    """As many SDKs send it; the calls that follow bring the token in a field."""
    status, said = ask(with_clients, "POST", PAYPAL, "", body, kind)
    used = ask(with_clients, "GET", "/paypal/v2/things", f"Bearer {said['access_token']}")[0]

    assert (status, said["access_token"], used) == (200, "shop-token", 200)
    assert [request.target for request in provider.requests] == ["/v2/things"]


def test_a_body_that_comes_slowly_is_waited_for(with_clients: Sidecar) -> None:
    """In pieces, after the app was told to go on."""
    body = b"grant_type=client_credentials&client_secret=shop-token"
    with Wire(with_clients.port) as wire:
        wire.send(
            f"POST {PAYPAL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert wire.interim() == 100
        for piece in (body[:40], body[40:]):
            wire.send(piece)
        answer = wire.answer()

    assert (answer.status, json.loads(answer.body)["access_token"]) == (200, "shop-token")


def test_strangers_take_no_memory_from_retries(provider: FakeProvider) -> None:
    """What was read of a body to know who calls is given back: 64 MiB are kept for all requests together."""
    text = INTEGRATIONS.format(url=provider.url) + CLIENTS.replace("[]", '["discord"]')
    body = b"client_secret=unknown&filling=" + b"x" * 255_000
    head = f"POST {PAYPAL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    with Sidecar(text, env=ENV) as sidecar:
        for _ in range(270):
            with Wire(sidecar.port) as wire:
                wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode(), body)
                assert wire.answer().status == 401
        provider.reply(503)
        with Wire(sidecar.port) as wire:
            wire.send(
                b"PUT /discord/x HTTP/1.1\r\nHost: localhost\r\nOutrider-Token: other-token\r\n"
                b"Content-Length: 100000\r\n\r\n",
                b"y" * 50_000,
            )
            provider.until(lambda: bool(provider.requests))  # it streams: not all of it came at once
            wire.send(b"y" * 50_000)
            answer = wire.answer()

    assert (answer.status, answer.header("Outrider-Attempts")) == (200, "2")


def test_an_app_that_leaves_a_token_call_is_counted(with_clients: Sidecar) -> None:
    """The last event of an exchange comes for each, also while it is not known yet whose it is."""

    def counted() -> float:
        return with_clients.metric("outrider_requests_total", integration="paypal", status="4xx")

    before = counted()
    with Wire(with_clients.port) as wire:
        wire.send(
            f"POST {PAYPAL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert wire.interim() == 100
    while counted() == before:
        pass


def test_a_github_app_has_its_client_s_token_for_an_id(with_clients: Sidecar, provider: FakeProvider) -> None:
    """Its SDK signs a JWT that names the app, with a key that nobody knows."""
    signed = jwt.encode({"iss": "shop-token"}, "any-key-of-thirty-two-bytes-or-more", "HS256")
    status, said = ask(with_clients, "POST", GITHUB, f"Bearer {signed}")
    used = ask(with_clients, "GET", "/github/v2/things", f"token {said['token']}")[0]

    assert (status, said["token"], used) == (200, "shop-token", 200)
    assert provider.requests[0].values("Authorization") == ["Bearer the-real-key"]


@pytest.mark.parametrize(
    ("path", "authorization", "body", "status"),
    [
        (PAYPAL, basic("id:wrong"), "", 401),
        (GITHUB, "Bearer a.b.c", "", 401),
        (GITHUB, "Bearer \xff.b.c", "", 401),
        (GITHUB, f"Bearer {NESTED}.e30.c", "", 401),
        (GITHUB, f"Bearer {jwt.encode({'iss': 'wrong'}, 'k' * 32, 'HS256')}", "", 401),
        (GITHUB, f"Bearer {jwt.encode({'sub': 'shop-token'}, 'k' * 32, 'HS256')}", "", 401),
        ("/theirs/v2/things", f"Bearer {jwt.encode({'iss': 'shop-token'}, 'k' * 32, 'HS256')}", "", 401),
        (PAYPAL, basic("id:other-token"), "", 403),
        (DISCORD, "Bearer shop-token", "grant_type=authorization_code&code=c", 403),
        # The provider would see the token.
        (DISCORD, "", "grant_type=authorization_code&code=c&client_secret=shop-token", 401),
        (PAYPAL, "", "grant_type=client_credentials&client_secret=wrong", 401),
        (PAYPAL, "", "grant_type=client_credentials&client_secret=", 401),
        (PAYPAL, "", "grant_type=client_credentials&client_secret=other-token", 403),
        (PAYPAL, "", "[" * 100_000, 401),
        (PAYPAL, "", "client_secret=" + "x" * 300_000, 401),
        ("/paypal/v2/things", "", "client_secret=shop-token", 401),
        ("/theirs/v1/oauth2/token", "", "client_secret=shop-token", 401),
    ],
)
def test_who_may_not_call_gets_no_token(
    with_clients: Sidecar, provider: FakeProvider, path: str, authorization: str, body: str, status: int
) -> None:
    """A caller that we do not know, one that is not for this integration, a call that is not among its own."""
    assert ask(with_clients, "POST", path, authorization, body)[0] == status
    assert provider.requests == []
