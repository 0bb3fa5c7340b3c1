"""OAuth 2 with the real program: tokens are fetched, shared, renewed and kept; no app sees a stale one."""

import asyncio
import base64
import json
import signal
import threading
import time
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from outrider.testing import FakeProvider, ReceivedRequest, Sidecar
from outrider.testing.script import Script, reply

SECRETS = {"SECRET": "hush+hush/hush", "SEED": "seed-0"}
CONFIG = """
[integrations.api]
base_url = "{api}"
timeout = {{ total = "5s" }}
[integrations.api.auth]
type = "oauth2"
token_url = "{login}/oauth/token/"
client_id = "me and you"
{more}
"""


class Login:
    """A token endpoint: counts, gives `t1`, `t2` ..., and revokes a family whose spent token comes again."""

    def __init__(self, *, expires_in: object = 3600, rotates: bool = False) -> None:
        self.forms: list[dict[str, str]] = []
        self.fields: list[str] = []
        self.expires_in = expires_in
        self.rotates = rotates
        self.good = "seed-0"
        self.revoked = False
        self.failing: tuple[int, object] | None = None
        self._lock = threading.Lock()

    def __call__(self, request: ReceivedRequest) -> Script:
        with self._lock:
            form = dict(parse_qsl(request.body.decode()))
            self.forms.append(form)
            self.fields.append(request.header("Authorization") or "")
            if self.failing is not None:
                return reply(*self.failing)
            number = len(self.forms)
            said: dict[str, object] = {"access_token": f"t{number}", "token_type": "bearer"}
            if self.expires_in is not None:
                said["expires_in"] = self.expires_in
            if self.rotates:
                if self.revoked or form["refresh_token"] != self.good:
                    self.revoked = True
                    return reply(400, {"error": "invalid_grant", "error_description": form["refresh_token"]})
                self.good = f"seed-{number}"
                said["refresh_token"] = self.good
            return reply(200, said)


class Api:
    """A provider that accepts the tokens it was told of."""

    def __init__(self) -> None:
        self.accepts: set[str] | None = None

    def __call__(self, request: ReceivedRequest) -> Script:
        token = (request.header("Authorization") or "").removeprefix("Bearer ")
        if self.accepts is None or token in self.accepts:
            return reply(200, {"token": token, "body": request.body.decode()})
        return reply(401, {"error": "token"}, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def ask(sidecar: Sidecar, method: str = "GET", body: str = "") -> tuple[int, str, str]:
    """One call; its status, body and Retry-After."""
    connection = HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    try:
        connection.request(method, "/api/x", body=body or None, headers={"Authorization": "Bearer dummy"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers.get("Retry-After", "")
    finally:
        connection.close()


def config(api: FakeProvider, login: FakeProvider, more: str) -> str:
    """The file; `client_secret` unless `more` says otherwise."""
    return CONFIG.format(api=api.url, login=login.url, more=more or 'client_secret = "env:SECRET"')


@pytest.mark.parametrize(
    ("more", "form", "basic"),
    [
        (
            'client_secret = "env:SECRET"',
            {"grant_type": "client_credentials"},
            "me%20and%20you:hush%2Bhush%2Fhush",
        ),
        (
            'client_secret = "env:SECRET"\nclient_auth = "body"\nscope = "a b"\naudience = "https://x"\nresource = "y"',
            {
                "grant_type": "client_credentials",
                "client_id": "me and you",
                "client_secret": "hush+hush/hush",
                "scope": "a b",
                "audience": "https://x",
                "resource": "y",
            },
            "",
        ),
        (
            'grant = "refresh_token"\nrefresh_token = "env:SEED"',
            {"grant_type": "refresh_token", "refresh_token": "seed-0", "client_id": "me and you"},
            "",
        ),
    ],
)
def test_what_a_token_request_says(more: str, form: dict[str, str], basic: str) -> None:
    """By grant and way of client authentication (RFC 6749 section 2.3.1: encoded before base64; %20 is a space to every server)."""
    login = Login()
    with (
        FakeProvider(login) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, more), env=SECRETS) as sidecar,
    ):
        answers = [ask(sidecar)[:2] for _ in range(2)]

    assert answers == [(200, '{"token": "t1", "body": ""}')] * 2
    assert login.forms == [form]
    assert login.fields == [f"Basic {base64.b64encode(basic.encode()).decode()}" if basic else ""]
    assert token_server.requests[0].target == "/oauth/token/"


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_a_jwt_is_the_grant(kind: str, tmp_path: Path) -> None:
    """It is signed with the key of the file, and says who asks whom (RFC 7523)."""
    private = (
        rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    login = Login()
    more = f'grant = "jwt_bearer"\nprivate_key = "file:{tmp_path}/key.pem"\nsubject = "user"\nkey_id = "k1"'
    with FakeProvider(login) as token_server, FakeProvider(Api()) as api:
        with Sidecar(config(api, token_server, more)) as sidecar:
            status = ask(sidecar)[0]
        url = f"{token_server.url}/oauth/token/"

    claims = jwt.decode(
        login.forms[0]["assertion"],
        private.public_key(),
        ["RS256" if kind == "RSA" else "ES256"],
        audience=url,
    )
    assert status == 200
    assert login.forms[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("me and you", "user", 300)
    assert jwt.get_unverified_header(login.forms[0]["assertion"])["kid"] == "k1"


@pytest.mark.parametrize("ahead_s", [-3600, -3, 30, 3600])
def test_a_server_whose_clock_is_another(ahead_s: int, tmp_path: Path) -> None:
    """It refuses the times of a JWT: it is asked once more, in the time that its answer gave; then at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "key.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    seen: list[int] = []

    def login(request: ReceivedRequest) -> Script:
        assertion = dict(parse_qsl(request.body.decode()))["assertion"]
        options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        claims = jwt.decode(assertion, key.public_key(), ["ES256"], options=options)
        now = time.time() + ahead_s
        good = claims["iat"] - 1 <= now < claims["iat"] + 10
        seen.append(200 if good else 400)
        answer = {"access_token": f"t{len(seen)}"} if good else {"error": "invalid_grant"}
        return reply(seen[-1], answer, {"Date": formatdate(now, usegmt=True)})

    provider = Api()
    provider.accepts = {"t2"}
    more = f'grant = "jwt_bearer"\nprivate_key = "file:{tmp_path}/key.pem"'
    with (
        FakeProvider(login) as token_server,
        FakeProvider(provider) as api,
        Sidecar(config(api, token_server, more)) as sidecar,
    ):
        statuses = [ask(sidecar)[0]]
        provider.accepts = {"t3"}
        statuses.append(ask(sidecar)[0])

    assert (statuses, seen) == ([200, 200], [400, 200, 200])


@pytest.mark.parametrize("ended", [False, True])
async def test_five_hundred_calls_make_one_token_request(ended: bool) -> None:
    """They all wait for the same token: where there was none yet, and where the one there was has ended."""
    login = Login(expires_in=0.2)
    with (
        FakeProvider(login) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        if ended:
            await _ask(sidecar.port)
            await asyncio.to_thread(_until_ended, sidecar)
        asked, login.expires_in = len(login.forms), 3600
        statuses = await asyncio.gather(*(_ask(sidecar.port) for _ in range(500)))

    assert (set(statuses), len(login.forms) - asked, len(api.requests)) == ({200}, 1, 500 + ended)


async def test_no_app_sees_a_token_that_was_revoked() -> None:
    """The provider takes the token away in the middle of a steady load: one more token, and only 200s."""
    login, provider = Login(), Api()
    with (
        FakeProvider(login) as token_server,
        FakeProvider(provider) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        calls = []
        for number in range(200):
            if number == 100:
                provider.accepts = {"t2"}
            calls.append(asyncio.ensure_future(_ask(sidecar.port, "POST", b"charge")))
            await asyncio.sleep(0.005)
        statuses = await asyncio.gather(*calls)

    assert (set(statuses), len(login.forms)) == ({200}, 2)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_401_is_replayed_once(method: str) -> None:
    """With its body, whatever the method; then the provider's own 401 goes to the app."""
    login, provider = Login(), Api()
    with (
        FakeProvider(login) as token_server,
        FakeProvider(provider) as api,
        Sidecar(config(api, token_server, 'client_secret = "env:SECRET"'), env=SECRETS) as sidecar,
    ):
        ask(sidecar)
        provider.accepts = {"t2"}
        replayed = ask(sidecar, method, "body")
        provider.accepts = set()
        refused = ask(sidecar, method, "body")
        seen = len(api.requests)
        metric = sidecar.metric("outrider_credential_refreshes_total", integration="api", result="ok")
        attempts = sidecar.metric("outrider_retries_total", integration="api", reason="401")

    assert replayed[:2] == (200, '{"token": "t2", "body": "body"}')
    assert refused[:2] == (401, '{"error": "token"}')
    assert (seen, len(login.forms), metric, attempts) == (5, 3, 3.0, 0.0)


def test_a_body_that_is_too_long_to_be_kept_is_not_replayed() -> None:
    """The provider's 401 goes to the app; the token is renewed all the same."""
    login, provider = Login(), Api()
    with (
        FakeProvider(login) as token_server,
        FakeProvider(provider) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        ask(sidecar)
        provider.accepts = {"t2"}
        refused = ask(sidecar, "POST", "x" * 600_000)
        after = ask(sidecar, "POST", "short")

    assert (refused[0], after[0], len(login.forms)) == (401, 200, 2)


def test_who_began_a_refresh_may_leave() -> None:
    """The token that was asked for on its behalf serves those who still wait: it is asked for once."""
    login, gate = Login(), threading.Event()

    def slow(request: ReceivedRequest) -> Script:
        gate.wait(10)
        return login(request)

    with (
        FakeProvider(slow) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        leaver = HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
        leaver.request("GET", "/api/x")
        token_server.until(lambda: len(token_server.requests) == 1)
        leaver.close()
        sidecar.until_said('"broken": true')
        answers: list[tuple[int, str, str]] = []
        stays = threading.Thread(target=lambda: answers.append(ask(sidecar)))
        stays.start()
        while not sidecar.metric("outrider_in_flight", integration="api"):
            time.sleep(0.01)
        gate.set()
        stays.join()

    assert [answer[0] for answer in answers] == [200]
    assert (len(login.forms), len(api.requests)) == (1, 1)


def test_a_dead_token_endpoint_is_a_503() -> None:
    """With the time to come back, and the provider is not asked without a credential."""
    login = Login()
    login.failing = (500, {"error": "oops"})
    with (
        FakeProvider(login) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        status, body, retry_after = ask(sidecar)

    assert (status, retry_after, api.requests) == (503, "1", [])
    assert "no token: 127.0.0.1" in json.loads(body)["detail"]
    assert "answered 500" in json.loads(body)["detail"]


def test_an_invalid_grant_stops_and_is_said_once() -> None:
    """One request, one alert, 503 from then on; no secret in the log."""
    login = Login(rotates=True)
    login.revoked = True
    more = 'grant = "refresh_token"\nrefresh_token = "env:SEED"'
    with (
        FakeProvider(login) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, more), env=SECRETS) as sidecar,
    ):
        statuses = [ask(sidecar)[0] for _ in range(5)]
        sidecar.until_said("its credential was refused")
        said = sidecar.stderr

    assert (statuses, len(login.forms)) == ([503] * 5, 1)
    assert said.count("was refused: 127.0.0.1") == 1
    assert "seed-0" not in said


def test_a_redirect_of_the_token_endpoint_is_not_followed() -> None:
    """It fails, and the client's secret goes nowhere else."""
    login = Login()
    with FakeProvider(login) as elsewhere, FakeProvider() as token_server, FakeProvider(Api()) as api:
        token_server.reply(307, b"", {"Location": elsewhere.url})
        with Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar:
            status = ask(sidecar)[0]

    assert (status, login.forms) == (503, [])


@pytest.mark.parametrize("expires_in", [None, "3600", 3600.5, 0, -1, "soon", 10**12, True])
def test_odd_lifetimes(expires_in: object) -> None:
    """Whatever a token endpoint says of it, one token serves call after call."""
    login = Login(expires_in=expires_in)
    with (
        FakeProvider(login) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        statuses = [ask(sidecar)[0] for _ in range(3)]

    assert (statuses, len(login.forms)) == ([200] * 3, 1)


def test_a_rotated_token_outlives_the_process(tmp_path: Path) -> None:
    """Each new refresh token is on disk before it is used: after a kill the next process goes on with it."""
    login, provider = Login(rotates=True), Api()
    more = 'grant = "refresh_token"\nrefresh_token = "env:SEED"'
    with FakeProvider(login) as token_server, FakeProvider(provider) as api:
        text = (
            f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nstate_dir = "{tmp_path}/state"\n'
            + config(api, token_server, more)
        )
        statuses = []
        for accepted in ("t1", "t2", "t3"):
            provider.accepts = {accepted}
            with Sidecar(text, env=SECRETS) as sidecar:
                statuses.append(ask(sidecar)[0])
                sidecar.signal(signal.SIGKILL)

    assert (statuses, login.revoked, len(login.forms)) == ([200] * 3, False, 3)
    assert [form["refresh_token"] for form in login.forms] == ["seed-0", "seed-1", "seed-2"]


def test_processes_that_share_a_token_dir_refresh_once(tmp_path: Path) -> None:
    """Three of them, started at the same time: one request, one token."""
    login = Login(rotates=True)
    more = 'grant = "refresh_token"\nrefresh_token = "env:SEED"'
    with FakeProvider(login) as token_server, FakeProvider(Api()) as api:
        text = (
            f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\ntoken_dir = "{tmp_path}/tokens"\n'
            + config(api, token_server, more)
        )
        with (
            Sidecar(text, env=SECRETS) as one,
            Sidecar(text, env=SECRETS) as two,
            Sidecar(text, env=SECRETS) as three,
        ):
            answers: list[tuple[int, str, str]] = []
            threads = [
                threading.Thread(target=lambda each=each: answers.append(ask(each)))
                for each in (one, two, three)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    assert [answer[:2] for answer in answers] == [(200, '{"token": "t1", "body": ""}')] * 3
    assert len(login.forms) == 1


def test_a_new_refresh_token_in_the_file_replaces_the_kept_one(tmp_path: Path) -> None:
    """What the user gives last counts."""
    (tmp_path / "seed").write_text("seed-0")
    login = Login(rotates=True)
    more = f'grant = "refresh_token"\nrefresh_token = "file:{tmp_path}/seed"'
    with FakeProvider(login) as token_server, FakeProvider(Api()) as api:
        text = (
            f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nstate_dir = "{tmp_path}/state"\n'
            + config(api, token_server, more)
        )
        with Sidecar(text) as sidecar:
            first = ask(sidecar)[0]
        login.good, login.revoked = "given-anew", False
        (tmp_path / "seed").write_text("given-anew")
        with Sidecar(text) as sidecar:
            second = ask(sidecar)[0]

    assert (first, second, login.forms[-1]["refresh_token"]) == (200, 200, "given-anew")


def test_what_the_console_says_of_it() -> None:
    """How the token stands, never the token."""
    with (
        FakeProvider(Login()) as token_server,
        FakeProvider(Api()) as api,
        Sidecar(config(api, token_server, ""), env=SECRETS) as sidecar,
    ):
        ask(sidecar)
        connection = HTTPConnection("127.0.0.1", int(sidecar.admin_url.rpartition(":")[2]), timeout=30)
        connection.request("GET", "/api/integrations")
        text = connection.getresponse().read().decode()
        connection.close()

    (integration,) = json.loads(text)["integrations"]
    state = integration["credential"]
    assert (state["state"], state["trouble"], 3500 < state["seconds_left"] <= 3600) == ("valid", "", True)
    assert '"t1"' not in text
    assert "hush" not in text


def _until_ended(sidecar: Sidecar) -> None:
    """Wait until the token that there was has ended."""
    port = int(sidecar.admin_url.rpartition(":")[2])
    state = "valid"
    while state == "valid":
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/api/integrations")
        state = json.loads(connection.getresponse().read())["integrations"][0]["credential"]["state"]
        connection.close()


async def _ask(port: int, method: str = "GET", body: bytes = b"") -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{method} /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])
