"""URLs that an SDK would follow past the sidecar, through the real program with a plugin."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.plugin import installed
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar

PLUGIN = """
from outrider.plugin import Provider, Urls, hookimpl

class Acme(Provider):
    name = "acme"
    hosts = {"uploads": "https://uploads.acme.example"}
    url_headers = ("X-Upload-URL",)
    urls = (Urls("POST /files", fields=("upload_url", "next")), Urls("PATCH", fields=("url", "*_url")))

@hookimpl
def outrider_providers():
    return [Acme]
"""
CONFIG = """
[integrations.acme]
provider = "acme"
base_url = "{url}/api"
hosts = {{ uploads = "{uploads}" }}
auth = {{ type = "bearer", token = "env:ACME_KEY" }}
"""


@pytest.fixture
def uploads() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def api() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def sidecar(tmp_path: Path, api: FakeProvider, uploads: FakeProvider) -> Iterator[Sidecar]:
    config = CONFIG.format(url=api.url, uploads=uploads.url)
    with Sidecar(config, env={**installed(tmp_path, PLUGIN), "ACME_KEY": "acme-secret"}) as started:
        yield started


def ask(sidecar: Sidecar, method: str, path: str):
    with Wire(sidecar.port) as wire:
        host = f"127.0.0.1:{sidecar.port}"
        wire.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
        return wire.answer()


def test_a_further_origin_gets_the_same_credential(sidecar: Sidecar, uploads: FakeProvider) -> None:
    """The path and query after its name reach it as they are."""
    answer = ask(sidecar, "POST", "/acme/_hosts/uploads/u/1%20b?id=%2F")

    (request,) = uploads.requests
    assert answer.status == 200
    assert request.target == "/u/1%20b?id=%2F"
    assert request.values("Authorization") == ["Bearer acme-secret"]


def test_an_unknown_origin_is_a_404(sidecar: Sidecar, api: FakeProvider) -> None:
    """Nothing is sent anywhere."""
    answer = ask(sidecar, "GET", "/acme/_hosts/other/x")

    assert (answer.status, api.requests) == (404, [])
    assert b"no host 'other'; there are: uploads" in answer.body


def test_named_fields_and_members_are_turned_back(
    sidecar: Sidecar, api: FakeProvider, uploads: FakeProvider
) -> None:
    """Every other byte of the body stays, foreign URLs and those of other members too."""
    body = (
        f'{{"upload_url" : "{uploads.url}/u/1", "a": [{{"next":"{api.url.replace("/", chr(92) + "/")}\\/api\\/p2"}}],\n'
        f'  "html_url": "{uploads.url}/page", "upload_url": "https://evil.example/", "next": null}}'
    )
    api.reply(200, body.encode(), {"Content-Type": "application/json", "X-Upload-URL": f"{uploads.url}/u/2"})
    answer = ask(sidecar, "POST", "/acme/files")

    here = f"http://127.0.0.1:{sidecar.port}/acme"
    assert answer.header("X-Upload-URL") == f"{here}/_hosts/uploads/u/2"
    assert answer.body.decode() == (
        f'{{"upload_url" : "{here}/_hosts/uploads/u/1", "a": [{{"next":"{here}/p2"}}],\n'
        f'  "html_url": "{uploads.url}/page", "upload_url": "https://evil.example/", "next": null}}'
    )
    assert api.requests[0].values("Accept-Encoding") == ["identity"]


def test_every_call_of_a_method_and_every_name_of_an_ending(
    sidecar: Sidecar, api: FakeProvider, uploads: FakeProvider
) -> None:
    """`"PATCH"` is any path, `*_url` any name that ends so; URLs of other hosts stay."""
    body = {
        "url": f"{api.url}/api/1",
        "self_url": f"{uploads.url}/1",
        "html_url": "https://acme.example/1",
        "curl": api.url,
    }
    api.reply(200, body)
    answer = ask(sidecar, "PATCH", "/acme/any/path")

    here = f"http://127.0.0.1:{sidecar.port}/acme"
    assert json.loads(answer.body) == {
        **body,
        "url": f"{here}/1",
        "self_url": f"{here}/_hosts/uploads/1",
    }


@pytest.mark.parametrize("call", ["POST /acme/other", "GET /acme/files"])
def test_other_calls_are_not_looked_at(
    sidecar: Sidecar, api: FakeProvider, uploads: FakeProvider, call: str
) -> None:
    """Only the calls that the plugin names."""
    body = json.dumps({"upload_url": f"{uploads.url}/u/1"}).encode()
    api.reply(200, body, {"Content-Type": "application/json"})

    assert ask(sidecar, *call.split(" ")).body == body


def test_what_cannot_be_read_is_passed_on(sidecar: Sidecar, api: FakeProvider, uploads: FakeProvider) -> None:
    """Compressed against our word, longer than the cap, or no JSON."""
    body = json.dumps({"upload_url": f"{uploads.url}/u/1"}).encode()
    long = json.dumps({"upload_url": f"{uploads.url}/u/1", "x": "y" * 1_100_000}).encode()
    answers = [
        (gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        (long, {"Content-Type": "application/json"}),
        (body, {"Content-Type": "text/plain"}),
    ]
    for data, fields in answers:
        api.reply(200, data, fields)

    assert [ask(sidecar, "POST", "/acme/files").body for _ in answers] == [data for data, _ in answers]
