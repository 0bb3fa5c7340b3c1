"""The access log of the real program: one line for each exchange, and nothing secret in it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from end_to_end.raw import Answer, Wire
from outrider.testing import FakeProvider, Sidecar, Step, sse

CONFIG = """
[clients.shop]
token = "env:CLIENT_TOKEN"
[integrations.acme]
base_url = "{url}/base"
auth = {{ type = "bearer", token = "env:PROVIDER_KEY" }}
retry = {{ attempts = 1 }}
breaker = {{ failures = 1000000 }}
"""
ENV = {"CLIENT_TOKEN": "client-s3cret", "PROVIDER_KEY": "provider-s3cret"}
NUMBERS = {"ms", "overhead_ms", "provider_ms", "wait_ms"}


@pytest.fixture(scope="module")
def sidecar(module_provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=module_provider.url), env=ENV) as started:
        yield started


def request(line: str, *fields: str, body: str = "") -> bytes:
    head = (line, "Host: localhost", "Outrider-Token: client-s3cret", *fields)
    return "\r\n".join((*head, "", body)).encode()


def ask(sidecar: Sidecar, sent: bytes) -> Answer:
    with Wire(sidecar.port) as wire:
        wire.send(sent)
        return wire.answer(sent.partition(b" ")[0].decode())


def logged(sidecar: Sidecar, id: str | None) -> list[dict[str, Any]]:
    """Give the lines of one exchange, once there is one."""
    assert id is not None
    sidecar.until_said(f'"id": "{id}"')
    return [line for line in map(json.loads, sidecar.stderr.splitlines()) if line.get("id") == id]


def test_a_line_has_what_is_asked_for_first(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Who called what, how it ended and how long each took, under the id that the app was given."""
    provider.reply(201, {})

    answer = ask(sidecar, request("POST /acme/v1/a%2Fb HTTP/1.1", "Content-Length: 2", body="{}"))

    [line] = logged(sidecar, answer.header("Outrider-Id"))
    assert {name: value for name, value in line.items() if name not in {"time", *NUMBERS}} == {
        "level": "info",
        "message": "POST /v1/a%2Fb 201",
        "id": answer.header("Outrider-Id"),
        "integration": "acme",
        "client": "shop",
        "method": "POST",
        "path": "/v1/a%2Fb",
        "status": 201,
        "attempts": 1,
        "broken": False,
    }
    assert line["ms"] >= line["provider_ms"] > 0 == line["wait_ms"]


def test_a_line_has_no_query_no_header_and_no_body(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Credentials stand there: the app's, the client's, the provider's, and what it answers."""
    provider.reply(200, {"token": "hidden-answer"}, {"Set-Cookie": "sid=hidden-cookie"})

    sent = request(
        "POST /acme/x?key=hidden-query HTTP/1.1",
        "X-Key: hidden-field",
        "Content-Length: 11",
        body="hidden-body",
    )
    answer = ask(sidecar, sent)

    assert len(logged(sidecar, answer.header("Outrider-Id"))) == 1
    assert b"hidden-answer" in answer.body
    assert "hidden" not in sidecar.stderr
    assert "s3cret" not in sidecar.stderr


@pytest.mark.parametrize(
    ("sent", "integration", "client", "status"),
    [
        (request("GET /nobody/x?q=1 HTTP/1.1"), "_outrider", "shop", 404),
        (request("GET /acme/x HTTP/1.1", "Origin: https://evil.example"), "acme", "", 403),
        (request("GET /acme/x HTTP/1.1").replace(b"client-s3cret", b"guess"), "acme", "", 401),
        (b"GET /acme/x HTTP/1.1\r\nno colon\r\n\r\n", "_outrider", "", 400),
    ],
    ids=["unknown", "web page", "client", "malformed"],
)
def test_a_refusal_has_a_line_as_well(
    sidecar: Sidecar, provider: FakeProvider, sent: bytes, integration: str, client: str, status: int
) -> None:
    """Nothing was tried; a client is named only where its token was looked at and is right."""
    answer = ask(sidecar, sent)

    [line] = logged(sidecar, answer.header("Outrider-Id"))
    assert (line["integration"], line["client"], line["status"]) == (integration, client, status)
    assert (line["attempts"], line["provider_ms"], line["broken"]) == (0, 0.0, False)
    assert (answer.status, provider.requests) == (status, [])


def test_a_body_that_broke_off_is_told(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The status is what the app was sent, and `broken` says that this is not all."""
    provider.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", Step.CLOSE)

    answer = ask(sidecar, request("GET /acme/x HTTP/1.1"))

    [line] = logged(sidecar, answer.header("Outrider-Id"))
    assert (line["status"], line["broken"]) == (200, True)


def test_an_app_that_left_before_the_answer_has_a_line(sidecar: Sidecar, provider: FakeProvider) -> None:
    """It says so in place of a status."""
    provider.raw(Step.WAIT)
    with Wire(sidecar.port) as wire:
        wire.send(request("GET /acme/left HTTP/1.1"))
        provider.until(lambda: len(provider.requests) == 1)

    sidecar.until_said("GET /left left")
    [line] = [line for line in map(json.loads, sidecar.stderr.splitlines()) if line.get("path") == "/left"]
    assert (line["status"], line["attempts"], line["broken"]) == (0, 1, True)


def test_a_line_comes_after_the_last_byte(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Its time is that of all of the answer, not of its head alone."""
    provider.stream(sse("one"), Step.WAIT, sse("two"))
    with Wire(sidecar.port) as wire:
        wire.send(request("GET /acme/stream HTTP/1.1"))
        early: list[bool] = []

        def begun() -> None:
            early.append("/stream" in sidecar.stderr)
            provider.release()

        answer = wire.answer(on_head=begun)

    [line] = logged(sidecar, answer.header("Outrider-Id"))
    assert (early, line["message"], line["broken"]) == ([False], "GET /stream 200", False)


def test_it_can_be_turned_off(provider: FakeProvider) -> None:
    """Then an exchange writes nothing; what else there is to say is still said."""
    ports = '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\naccess_log = false\n'
    config = f'{ports}[integrations.acme]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
    with Sidecar(config) as sidecar:
        answers = [ask(sidecar, request(f"GET /{name}/x HTTP/1.1")) for name in ("acme", "nobody")]
        sidecar.stop()

    assert [answer.status for answer in answers] == [200, 404]
    assert "/x" not in sidecar.stderr
