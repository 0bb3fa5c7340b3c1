"""GitHub Apps and Google service accounts with the real program: tokens are fetched, shared and renewed."""

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPConnection
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from outrider.testing import FakeProvider, ReceivedRequest, Sidecar
from outrider.testing.script import Script, reply

PRIVATE = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
GITHUB = """
[integrations.api]
base_url = "{url}/api/v3"
auth = {{ type = "github_app", app_id = 12, installation_id = "env:INSTALLATION", private_key = "file:{folder}/key" }}
"""
GOOGLE = """
[integrations.api]
base_url = "{url}"
auth = {{ type = "google", credentials = "file:{folder}/key"{more} }}
"""
ACCOUNT = {
    "type": "service_account",
    "project_id": "p",
    "private_key_id": "k1",
    "private_key": PEM,
    "client_email": "robot@p.iam.gserviceaccount.com",
    "client_id": "1",
}


class Api:
    """A platform that gives `t1`, `t2` ... at its token endpoint, and takes the newest one elsewhere."""

    def __init__(self, give: Callable[[str], dict[str, Any]], status: int = 200) -> None:
        self.give = give
        self.status = status
        self.asked: list[ReceivedRequest] = []
        self.calls: list[str] = []
        self.answers: list[Script] = []
        """What the token endpoint says first."""
        self.accepts: set[str] | None = None
        self._lock = threading.Lock()

    def __call__(self, request: ReceivedRequest) -> Script:
        with self._lock:
            if request.target.endswith(("/access_tokens", "/token")):
                self.asked.append(request)
                if self.answers:
                    return self.answers.pop(0)
                return reply(self.status, self.give(f"t{len(self.asked)}"))
            token = (request.header("Authorization") or "").removeprefix("Bearer ")
            self.calls.append(token)
            good = self.accepts is None or token in self.accepts
            return reply(200 if good else 401, {"body": request.body.decode()})


def installation(token: str, left_s: float = 3600) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(seconds=left_s)
    return {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), "permissions": {}}


def ask(sidecar: Sidecar, method: str = "GET", body: str = "") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    try:
        connection.request(method, "/api/x", body=body or None, headers={"Authorization": "Bearer dummy"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def github(api: FakeProvider, folder: Path, key: str = PEM) -> Sidecar:
    (folder / "key").write_text(key)
    return Sidecar(GITHUB.format(url=api.url, folder=folder), env={"INSTALLATION": "34"})


def google(api: FakeProvider, folder: Path, more: str = "", **account: str) -> Sidecar:
    (folder / "key").write_text(json.dumps({**ACCOUNT, "token_uri": f"{api.url}/token", **account}))
    return Sidecar(GOOGLE.format(url=api.url, folder=folder, more=more))


def claims_of(token: str, audience: str | None = None) -> dict[str, Any]:
    """Read a JWT that our key has signed."""
    return jwt.decode(token, PRIVATE.public_key(), ["RS256"], audience=audience)


def test_an_app_asks_for_a_token_of_its_installation(tmp_path: Path) -> None:
    """At the base URL of the integration, with a JWT as GitHub wants it; one token serves all calls."""
    api = Api(installation, 201)
    with FakeProvider(api) as provider, github(provider, tmp_path) as sidecar:
        answers = [ask(sidecar, "POST", "x") for _ in range(3)]
        now = time()

    assert answers == [(200, '{"body": "x"}')] * 3
    assert api.calls == ["t1"] * 3
    (asked,) = api.asked
    assert (asked.method, asked.target) == ("POST", "/api/v3/app/installations/34/access_tokens")
    claims = claims_of((asked.header("Authorization") or "").removeprefix("Bearer "))
    assert claims["iss"] == "12"
    assert -70 < claims["iat"] - now < -50
    assert 500 < claims["exp"] - now <= 540


async def test_five_hundred_calls_make_one_token_request(tmp_path: Path) -> None:
    """They all wait for the same token."""
    api = Api(installation, 201)
    with FakeProvider(api) as provider, github(provider, tmp_path) as sidecar:
        statuses = await asyncio.gather(*(_ask(sidecar.port) for _ in range(500)))

    assert (set(statuses), len(api.asked), len(api.calls)) == ({200}, 1, 500)


def test_an_installation_token_is_renewed_ahead(tmp_path: Path) -> None:
    """Beside the calls, once less than half of its life is left."""
    api = Api(lambda token: installation(token, 2 if token == "t1" else 3600), 201)
    with FakeProvider(api) as provider, github(provider, tmp_path) as sidecar:
        statuses = set()
        while len(api.asked) < 2 or api.calls[-1] != "t2":
            statuses.add(ask(sidecar)[0])

    assert (statuses, len(api.asked)) == ({200}, 2)


def test_a_401_is_refreshed_and_replayed(tmp_path: Path) -> None:
    """With its body; the app does not see it."""
    api = Api(installation, 201)
    with FakeProvider(api) as provider, github(provider, tmp_path) as sidecar:
        ask(sidecar)
        api.accepts = {"t2"}
        answer = ask(sidecar, "POST", "charge")

    assert answer == (200, '{"body": "charge"}')
    assert api.calls == ["t1", "t1", "t2"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "says 401; app_id and private_key do not belong together, or the app is gone"),
        (404, "says 404; the app has no installation by installation_id"),
    ],
)
def test_an_app_that_is_refused_is_alerted_once(tmp_path: Path, status: int, said: str) -> None:
    """GitHub is asked once, whoever calls, and calls are a 503; a new key is tried."""
    api = Api(installation, 201)
    api.answers = [reply(status, {"message": "no"})]
    with FakeProvider(api) as provider, github(provider, tmp_path) as sidecar:
        statuses = [ask(sidecar)[0] for _ in range(5)]
        sidecar.until_said(said)
        (tmp_path / "key").write_text(PEM + "\n\n")
        while ask(sidecar)[0] != 200:
            threading.Event().wait(0.2)

    assert statuses == [503] * 5
    assert len(api.asked) == 2
    assert sidecar.stderr.count("integration 'api': its credential was refused") == 1


def test_a_clock_that_runs_apart_is_put_up_with(tmp_path: Path) -> None:
    """GitHub refuses a JWT of the past; its Date says what it takes for now."""
    there = datetime.now(UTC) + timedelta(hours=2)
    api = Api(lambda token: installation(token, 3 * 3600), 201)
    api.answers = [reply(401, {"message": "'Expiration time' claim"}, {"Date": format_datetime(there)})]
    with FakeProvider(api) as provider, github(provider, tmp_path) as sidecar:
        status = ask(sidecar)[0]

    claims = jwt.decode(
        (api.asked[1].header("Authorization") or "").removeprefix("Bearer "),
        options={"verify_signature": False},
    )
    assert (status, len(api.asked)) == (200, 2)
    assert abs(claims["iat"] + 60 - there.timestamp()) < 5


def test_a_key_that_is_none_is_said(tmp_path: Path) -> None:
    """In the log; it is not shown."""
    with FakeProvider() as provider, github(provider, tmp_path, "nonsense-key") as sidecar:
        status = ask(sidecar)[0]
        sidecar.until_said("private_key is no RSA key in PEM")

    assert (status, provider.requests) == (503, [])
    assert "nonsense-key" not in sidecar.stderr


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {"scope": "https://www.googleapis.com/auth/cloud-platform"}),
        (', scopes = ["a", "b"], subject = "me@p"', {"scope": "a b", "sub": "me@p"}),
    ],
)
def test_a_service_account_asks_for_an_access_token(
    tmp_path: Path, more: str, expected: dict[str, str]
) -> None:
    """With claims that google-auth makes; one request for all calls."""
    api = Api(lambda token: {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
    with FakeProvider(api) as provider, google(provider, tmp_path, more) as sidecar:
        statuses = [ask(sidecar)[0] for _ in range(3)]
        audience = f"{provider.url}/token"

    (asked,) = api.asked
    form = dict(parse_qsl(asked.body.decode()))
    # google-auth writes the audience of Google itself, wherever token_uri points.
    claims = jwt.decode(form["assertion"], options={"verify_signature": False})
    claims_of(form["assertion"], claims["aud"])
    assert claims["aud"] in (audience, "https://oauth2.googleapis.com/token")
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert claims["iss"] == ACCOUNT["client_email"]
    assert {key: claims[key] for key in expected} == expected
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
    assert (statuses, api.calls) == ([200] * 3, ["t1"] * 3)


def test_a_service_account_asks_for_an_id_token(tmp_path: Path) -> None:
    """For the audience that is configured."""
    now = int(time())
    made = jwt.encode({"aud": "https://run.example", "iat": now, "exp": now + 3600}, PEM, "RS256")
    api = Api(lambda token: {"id_token": made})
    with (
        FakeProvider(api) as provider,
        google(provider, tmp_path, ', audience = "https://run.example"') as sidecar,
    ):
        statuses = [ask(sidecar)[0] for _ in range(2)]

    assertion = dict(parse_qsl(api.asked[0].body.decode()))["assertion"]
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert claims["target_audience"] == "https://run.example"
    assert (statuses, len(api.asked), set(api.calls)) == ([200] * 2, 1, {made})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(400, {"error": "invalid_grant", "error_description": "gone-robot"}), "says invalid_grant"),
        (reply(307, b"", {"Location": "http://127.0.0.1:1/token"}), "answered 307"),
        (reply(500, {"error": "oops"}), "answered 500"),
        (reply(200, {"nothing": True}), "google-auth could not read the answer"),
    ],
)
def test_what_goes_wrong_at_google(tmp_path: Path, answer: Script, said: str) -> None:
    """It is asked once by each of us, no redirect is followed, and its text is not repeated."""
    api = Api(lambda token: {"access_token": token, "expires_in": 3599})
    api.answers = [answer]
    with FakeProvider(api) as provider, google(provider, tmp_path) as sidecar:
        status, body = ask(sidecar)
        asked = len(api.asked)

    assert (status, asked, api.calls) == (503, 1, [])
    assert said in body
    assert "gone-robot" not in body + sidecar.stderr


@pytest.mark.parametrize("credentials", ["no json", '{"type": "authorized_user"}', "[]"])
def test_what_is_no_service_account_is_said(tmp_path: Path, credentials: str) -> None:
    """Without what it says."""
    (tmp_path / "key").write_text(credentials)
    with (
        FakeProvider() as provider,
        Sidecar(GOOGLE.format(url=provider.url, folder=tmp_path, more="")) as sidecar,
    ):
        status, body = ask(sidecar)

    assert (status, provider.requests) == (503, [])
    assert "credentials is no key file of a service account" in body


async def _ask(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])
