"""GitHub Apps and Google service accounts with the real program: tokens are fetched, shared and renewed."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
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
# One integration for each test, below a path of its own.
GITHUB = ("app", "many", "ahead", "replayed", "refused-401", "refused-404", "clock", "unreadable")
GOOGLE = {
    "plain": "",
    "scoped": ', scopes = ["a", "b"], subject = "me@p"',
    "identity": ', audience = "https://run.example"',
    **dict.fromkeys(("invalid", "moved", "failing", "silent", "no-json", "a-user", "a-list"), ""),
}
ACCOUNT = {
    "type": "service_account",
    "project_id": "p",
    "private_key_id": "k1",
    "private_key": PEM,
    "client_email": "robot@p.iam.gserviceaccount.com",
    "client_id": "1",
}


class Place:
    """Where one integration sends: it gives `t1`, `t2` ... at its token endpoint, and takes them elsewhere."""

    def __init__(self) -> None:
        self.give: Callable[[str], Script] = lambda token: reply(201, installation(token))
        self.first: Script | None = None
        """What the token endpoint says first."""
        self.accepts: set[str] | None = None
        self.asked: list[ReceivedRequest] = []
        self.calls: list[str] = []

    def __call__(self, request: ReceivedRequest) -> Script:
        if request.target.endswith(("/access_tokens", "/token")):
            self.asked.append(request)
            first, self.first = self.first, None
            return first or self.give(f"t{len(self.asked)}")
        token = (request.header("Authorization") or "").removeprefix("Bearer ")
        self.calls.append(token)
        good = self.accepts is None or token in self.accepts
        return reply(200 if good else 401, {"body": request.body.decode()})


Places = dict[str, Place]


def installation(token: str, left_s: float = 3600) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(seconds=left_s)
    return {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), "permissions": {}}


def access(token: str) -> Script:
    return reply(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


@pytest.fixture(scope="module")
def places() -> Places:
    found = {name: Place() for name in (*GITHUB, *GOOGLE)}
    for name in GOOGLE:
        found[name].give = access
    return found


@pytest.fixture(scope="module")
def provider(places: Places) -> Iterator[FakeProvider]:
    with FakeProvider(lambda request: places[request.target.split("/")[1]](request)) as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, provider: FakeProvider) -> Path:
    path = tmp_path_factory.mktemp("platforms")
    for name in GITHUB:
        (path / name).write_text(PEM)
    for name in GOOGLE:
        (path / name).write_text(json.dumps({**ACCOUNT, "token_uri": f"{provider.url}/{name}/token"}))
    (path / "unreadable").write_text("nonsense-key")
    (path / "no-json").write_text("no json")
    (path / "a-user").write_text('{"type": "authorized_user"}')
    (path / "a-list").write_text("[]")
    return path


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider, folder: Path) -> Iterator[Sidecar]:
    auths = {
        name: f'type = "github_app", app_id = 12, installation_id = "env:ID", private_key = "file:{folder}/{name}"'
        for name in GITHUB
    }
    auths |= {
        name: f'type = "google", credentials = "file:{folder}/{name}"{more}' for name, more in GOOGLE.items()
    }
    config = "".join(
        f'[integrations.{name}]\nbase_url = "{provider.url}/{name}"\nauth = {{ {auth} }}\n'
        for name, auth in auths.items()
    )
    with Sidecar(config, env={"ID": "34"}) as started:
        yield started
    for secret in (PEM.splitlines()[1], "nonsense-key", "gone-robot"):
        assert secret not in started.stderr


def ask(sidecar: Sidecar, name: str, method: str = "GET", body: str = "") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    try:
        connection.request(method, f"/{name}/x", body=body or None, headers={"Authorization": "Bearer dummy"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def claims_of(token: str, audience: str | None = None) -> dict[str, Any]:
    """Read a JWT that our key has signed."""
    return jwt.decode(token, PRIVATE.public_key(), ["RS256"], audience=audience)


def assertion_of(request: ReceivedRequest) -> str:
    """Give the JWT with which Google was asked."""
    return dict(parse_qsl(request.body.decode()))["assertion"]


def test_an_app_asks_for_a_token_of_its_installation(sidecar: Sidecar, places: Places) -> None:
    """At the base URL of the integration, with a JWT as GitHub wants it; one token serves all calls."""
    place = places["app"]
    answers = [ask(sidecar, "app", "POST", "x") for _ in range(3)]
    now = time()

    assert answers == [(200, '{"body": "x"}')] * 3
    assert place.calls == ["t1"] * 3
    (asked,) = place.asked
    assert (asked.method, asked.target) == ("POST", "/app/app/installations/34/access_tokens")
    claims = claims_of((asked.header("Authorization") or "").removeprefix("Bearer "))
    assert claims["iss"] == "12"
    assert -70 < claims["iat"] - now < -50
    assert 500 < claims["exp"] - now <= 540


async def test_five_hundred_calls_make_one_token_request(sidecar: Sidecar, places: Places) -> None:
    """They all wait for the same token."""
    statuses = await asyncio.gather(*(_ask(sidecar.port, "many") for _ in range(500)))

    assert (set(statuses), len(places["many"].asked), len(places["many"].calls)) == ({200}, 1, 500)


def test_an_installation_token_is_renewed_ahead(sidecar: Sidecar, places: Places) -> None:
    """Beside the calls, once less than half of its life is left."""
    place = places["ahead"]
    place.give = lambda token: reply(201, installation(token, 2 if token == "t1" else 3600))
    statuses = set()
    while place.calls[-1:] != ["t2"]:
        statuses.add(ask(sidecar, "ahead")[0])

    assert (statuses, len(place.asked)) == ({200}, 2)


def test_a_401_is_refreshed_and_replayed(sidecar: Sidecar, places: Places) -> None:
    """With its body; the app does not see it."""
    ask(sidecar, "replayed")
    places["replayed"].accepts = {"t2"}
    answer = ask(sidecar, "replayed", "POST", "charge")

    assert answer == (200, '{"body": "charge"}')
    assert places["replayed"].calls == ["t1", "t1", "t2"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "says 401; app_id and private_key do not belong together, or the app is gone"),
        (404, "says 404; the app has no installation by installation_id"),
    ],
)
def test_an_app_that_is_refused_is_alerted_once(
    sidecar: Sidecar, places: Places, folder: Path, status: int, said: str
) -> None:
    """GitHub is asked once, whoever calls, and calls are a 503; a new key is tried."""
    name = f"refused-{status}"
    places[name].first = reply(status, {"message": "no"})
    statuses = [ask(sidecar, name)[0] for _ in range(5)]
    sidecar.until_said(said)
    (folder / name).write_text(PEM + "\n\n")
    while ask(sidecar, name)[0] != 200:
        threading.Event().wait(0.2)

    assert statuses == [503] * 5
    assert len(places[name].asked) == 2
    assert sidecar.stderr.count(f"integration '{name}': its credential was refused") == 1


def test_a_clock_that_runs_apart_is_put_up_with(sidecar: Sidecar, places: Places) -> None:
    """GitHub refuses a JWT of the past; its Date says what it takes for now."""
    place, there = places["clock"], datetime.now(UTC) + timedelta(hours=2)
    place.first = reply(401, {"message": "'Expiration time' claim"}, {"Date": format_datetime(there)})
    place.give = lambda token: reply(201, installation(token, 3 * 3600))
    status = ask(sidecar, "clock")[0]

    signed = (place.asked[1].header("Authorization") or "").removeprefix("Bearer ")
    claims = jwt.decode(signed, options={"verify_signature": False})
    assert (status, len(place.asked)) == (200, 2)
    assert abs(claims["iat"] + 60 - there.timestamp()) < 5


def test_a_key_that_is_none_is_said(sidecar: Sidecar, places: Places) -> None:
    """In the log; it is not shown."""
    status = ask(sidecar, "unreadable")[0]
    sidecar.until_said("private_key is no RSA key in PEM")

    assert (status, places["unreadable"].asked) == (503, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", {"scope": "https://www.googleapis.com/auth/cloud-platform"}),
        ("scoped", {"scope": "a b", "sub": "me@p"}),
    ],
)
def test_a_service_account_asks_for_an_access_token(
    sidecar: Sidecar, places: Places, name: str, expected: dict[str, str]
) -> None:
    """With claims that google-auth makes and signs; one request for all calls."""
    place = places[name]
    statuses = [ask(sidecar, name)[0] for _ in range(3)]

    (asked,) = place.asked
    # google-auth writes the audience of Google itself, wherever token_uri points.
    claims = claims_of(assertion_of(asked), "https://oauth2.googleapis.com/token")
    assert dict(parse_qsl(asked.body.decode()))["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert {key: claims[key] for key in expected} == expected
    assert claims["iss"] == ACCOUNT["client_email"]
    assert jwt.get_unverified_header(assertion_of(asked))["kid"] == "k1"
    assert (statuses, place.calls) == ([200] * 3, ["t1"] * 3)


def test_a_service_account_asks_for_an_id_token(sidecar: Sidecar, places: Places) -> None:
    """For the audience that is configured."""
    place, now = places["identity"], int(time())
    made = jwt.encode({"aud": "https://run.example", "iat": now, "exp": now + 3600}, PEM, "RS256")
    place.give = lambda token: reply(200, {"id_token": made})
    statuses = [ask(sidecar, "identity")[0] for _ in range(2)]

    claims = jwt.decode(assertion_of(place.asked[0]), options={"verify_signature": False})
    assert claims["target_audience"] == "https://run.example"
    assert (statuses, len(place.asked), set(place.calls)) == ([200] * 2, 1, {made})


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        (
            "invalid",
            reply(400, {"error": "invalid_grant", "error_description": "gone-robot"}),
            "says invalid_grant",
        ),
        ("moved", reply(307, b"", {"Location": "http://127.0.0.1:1/token"}), "answered 307"),
        ("failing", reply(500, {"error": "oops"}), "answered 500"),
        ("silent", reply(200, {"nothing": True}), "google-auth could not read the answer"),
    ],
)
def test_what_goes_wrong_at_google(
    sidecar: Sidecar, places: Places, name: str, answer: Script, said: str
) -> None:
    """It is asked once for a call, no redirect is followed, and its text is not repeated."""
    places[name].first = answer
    status, body = ask(sidecar, name)

    assert (status, len(places[name].asked), places[name].calls) == (503, 1, [])
    assert said in body
    assert "gone-robot" not in body


@pytest.mark.parametrize("name", ["no-json", "a-user", "a-list"])
def test_what_is_no_service_account_is_said(sidecar: Sidecar, places: Places, name: str) -> None:
    """Without what it says."""
    status, body = ask(sidecar, name)

    assert (status, places[name].asked) == (503, [])
    assert "credentials is no key file of a service account" in body


async def _ask(port: int, name: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /{name}/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])
