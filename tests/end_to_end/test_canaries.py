"""No secret is ever shown: every kind of credential, every way to fail, everything that Outrider writes.

A Sidecar looks through its output by itself, in every test of the suite. Here a plugin makes it as
talkative as can be, the filter of the log is off in one round, and the answers and commands are looked
through as well.
"""

import base64
import http.client
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from end_to_end.plugin import installed
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, Step, raw, reply
from outrider.testing.leaks import leaks

#: Awkward ones, so that their dressed forms differ from the plain one.
ENV = {
    name: f'canary-{name.lower()}-"x/+%&<ü?>'
    for name in (
        *("BEARER", "USER", "PASSWORD", "HEADER", "FIRST", "SECOND", "QUERY", "CLIENT_SECRET", "REFRESH"),
        *("ACCESS", "AWS", "SESSION", "SIGNING", "SHOP", "ADMIN", "BACKUP", "POOL_1", "POOL_2"),
    )
}
#: What a token endpoint gives is a secret as well.
TOKENS = [f"canary-{kind}-{n}-of-the-endpoint" for kind in ("access", "refresh") for n in range(200)]

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
admin_token = "env:ADMIN"
[clients.shop]
token = "env:SHOP"
[defaults]
"""
AUTHS = {
    "bearer": 'type = "bearer", token = "env:BEARER"',
    "basic": 'type = "basic", username = "env:USER", password = "env:PASSWORD"',
    "header": 'type = "header", name = "X-Key", value = "env:HEADER", format = "Token {secret}"',
    "headers": 'type = "headers", fields = { X-Id = "env:FIRST", X-Secret = "env:SECOND" }',
    "query": 'type = "query", name = "key", value = "env:QUERY"',
    "client-credentials": 'type = "oauth2", token_url = "LOGIN/token", client_id = "me", client_secret = "env:CLIENT_SECRET"',
    "refresh-token": 'type = "oauth2", grant = "refresh_token", token_url = "LOGIN/token", client_id = "me", client_secret = "env:CLIENT_SECRET", client_auth = "body", refresh_token = "env:REFRESH"',
    "jwt-bearer": 'type = "oauth2", grant = "jwt_bearer", token_url = "LOGIN/token", client_id = "me", private_key = "file:PEM"',
    "refused": 'type = "oauth2", token_url = "LOGIN/refused", client_id = "me", client_secret = "env:CLIENT_SECRET", scope = "s"',
    "rubbish": 'type = "oauth2", token_url = "LOGIN/rubbish", client_id = "me", client_secret = "env:CLIENT_SECRET"',
    "sigv4": 'type = "sigv4", region = "r", service = "s", access_key = "env:ACCESS", secret_key = "env:AWS", session_token = "env:SESSION"',
    "hmac": 'type = "hmac", secret = "env:SIGNING", payload = "{target}{body}"',
    "file": 'type = "bearer", token = "file:KEY"',
    "pool": 'type = "bearer", token = ["env:POOL_1", "env:POOL_2"]',
    "github": 'type = "github_app", app_id = 1, installation_id = 2, private_key = "file:RSA"',
    "google": 'type = "google", credentials = "file:GOOGLE"',
    "none": 'type = "none"',
    "pass": 'type = "pass"',
}
#: Which of the secrets goes where; what is signed with goes nowhere.
OWN = {
    "bearer": {"BEARER"},
    "basic": {"USER", "PASSWORD"},
    "header": {"HEADER"},
    "headers": {"FIRST", "SECOND"},
    "query": {"QUERY"},
    "sigv4": {"ACCESS", "SESSION"},
    "pool": {"POOL_1", "POOL_2"},
}
WAYS = ("/ok", "/401", "/403", "/429", "/500", "/cut", "/rubbish", "/field", "/reason", "/raise")

#: It says all that it can get hold of, as an author does who looks for a mistake.
LOUD = """
import logging
from outrider.plugin import Layer, Stage, hookimpl

def say(*things):
    for thing in things:
        logging.getLogger("outrider_loud").debug("%r %s", thing, thing)

@hookimpl
def outrider_integration_layers(integration):
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("outrider").setLevel(logging.DEBUG)
    if FILTER_OFF:
        from outrider.logs import REDACTOR
        REDACTOR.clean = lambda text: text
    say(integration, integration.config, integration.target, integration.target.config)

    def wrap(send):
        async def overheard(exchange):
            say(exchange, exchange.integration, exchange.body)
            return await send(exchange)
        return overheard
    return [Layer(stage=Stage.OBSERVE, wrap=wrap)]

@hookimpl
def outrider_target_layers(target):
    say(target, target.auth, target.credential, target.base)

    def wrap(send):
        async def overheard(attempt):
            say(attempt, attempt.headers, attempt.to)
            if attempt.target.endswith("/raise"):
                raise RuntimeError(f"the author's own mistake with {attempt!r} at {target!r}")
            response = await send(attempt)
            say(response)
            return response
        return overheard
    return [Layer(stage=Stage.LIMIT, wrap=wrap)]
"""


class Login:
    """A token endpoint that gives tokens, and one that says back what it was told."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, request: ReceivedRequest) -> Script:
        told = f"{request.body.decode()} {request.header('Authorization')} {' '.join(ENV.values())}"
        if request.target == "/refused":
            return reply(400, {"error": "invalid_client", "error_description": told, "error_uri": told})
        if request.target == "/rubbish":
            return reply(500, told, {"X-Told": ENV["CLIENT_SECRET"].encode().hex(), "Retry-After": "0"})
        self.given += 1
        answer = {"access_token": TOKENS[self.given], "refresh_token": TOKENS[200 + self.given]}
        return reply(200, {**answer, "token_type": "bearer", "expires_in": 3600})


def provider(request: ReceivedRequest) -> Script:
    """Fail in each way; what was received is said back only where Outrider must not pass it on."""
    if request.target.endswith("/access_tokens"):
        return reply(201, {"token": TOKENS[-1], "expires_at": "2099-01-01T00:00:00Z"})
    way = request.target.partition("?")[0].rpartition("/")[2]
    told = " ".join(value for _, value in request.headers).encode("latin-1", "replace")
    if way.isdecimal():
        return reply(int(way), {"error": "no"}, {"WWW-Authenticate": "Bearer"} if way == "401" else {})
    return {
        "cut": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\ncut", Step.CLOSE),
        "rubbish": raw(told + b"\r\n\r\n", Step.CLOSE),
        "field": raw(
            b"HTTP/1.1 200 OK\r\nX-Told: \x01" + told + b"\r\nContent-Length: 0\r\n\r\n", Step.CLOSE
        ),
        "reason": raw(b"HTTP/1.1 999 " + told + b"\r\nContent-Length: 0\r\n\r\n", Step.CLOSE),
    }.get(way, reply(200, {"ok": True}))


def secrets(*more: str) -> list[str]:
    return [*ENV.values(), *TOKENS, *more]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "key.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    (file.parent / "key").write_text('canary-file-"x/+%&<ü?>\n')
    rsa_key = rsa.generate_private_key(65537, 2048)
    (file.parent / "rsa.pem").write_bytes(rsa_key.private_bytes(encoding, form, serialization.NoEncryption()))
    return file


def secret_texts(pem: Path) -> list[str]:
    """The secrets that stand in files."""
    return [file.read_text() for file in pem.parent.iterdir() if file.suffix != ".json"]


def config(api: str, login: str, pem: Path) -> str:
    google = pem.parent / "google.json"
    account = {"type": "service_account", "client_email": "me@acme.example", "token_uri": f"{login}/token"}
    google.write_text(json.dumps({**account, "private_key": (pem.parent / "rsa.pem").read_text()}))
    text = CONFIG.replace("[defaults]\n", "")
    for name, auth in AUTHS.items():
        auth = auth.replace("LOGIN", login).replace("PEM", str(pem)).replace("KEY", str(pem.parent / "key"))
        auth = auth.replace("RSA", str(pem.parent / "rsa.pem")).replace("GOOGLE", str(google))
        text += f"""
[integrations.{name}]
base_url = "{api}/{name}"
auth = {{ {auth} }}
retry = {{ attempts = 2, base = "1ms", cap = "1ms" }}
breaker.failures = 1000
[[integrations.{name}.endpoints]]
call = "GET /{{way}}"
"""
    return (
        text
        + '[integrations.gone]\nbase_url = "http://127.0.0.1:9"\nauth = { token = "env:BACKUP", type = "bearer" }\n'
    )


def get(port: int, path: str, **fields: str) -> tuple[dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {name.replace("_", "-"): value.encode() for name, value in fields.items()}
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return dict(answer.headers), f"{answer.headers} {answer.read().decode('latin-1')}"
    except (ConnectionError, http.client.HTTPException):
        return {}, ""
    finally:
        connection.close()


def jobs(port: int) -> list[str]:
    """Have calls kept on disk, with the client's token wherever it may stand; what is said of them."""
    token, answers = ENV["SHOP"], []
    pair = base64.b64encode(f"me:{token}".encode()).decode()
    places: dict[str, dict[str, str]] = {name: {"Outrider_Token": token} for name in (*AUTHS, "gone")}
    places |= {
        "bearer": {"Authorization": f"Bearer {token}"},
        "basic": {"Authorization": f"Basic {pair}"},
        "header": {"X_Key": f"Token {token}"},
        "headers": {"X_Secret": token},
        "hmac": {"X_Api_Key": token},
        "query": {},
    }
    for name, fields in places.items():
        query = f"?a=1&key={quote(token, safe='')}" if name == "query" else ""
        head, text = get(port, f"/{name}/ok{query}", Prefer="respond-async", **fields)
        answers.append(text)
        if "Location" in head:
            answers.append(get(port, urlsplit(head["Location"]).path, Outrider_Token=token)[1])
    assert sum('"state":' in text for text in answers) > len(AUTHS) - 3, answers
    return answers


ADMIN_PAGES = (
    *("/", "/console.js", "/metrics", "/healthz", "/readyz", "/api/integrations", "/api/jobs", "/api/top"),
    *("/api/drift", "/drift", "/nothing", "/api/why/nothing"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What Outrider wrote, and which secrets it sent to which integration or token endpoint."""

    answers: str
    log: str
    sent: dict[str, set[str]]


@pytest.fixture(scope="module", params=[False, True], ids=["filtered", "unfiltered"])
def said(request: Any, pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """Everything that comes of every integration in every way of failing."""
    loud = LOUD.replace("FILTER_OFF", str(request.param))
    env = {**ENV, **installed(tmp_path_factory.mktemp("plugin"), loud, "loud")}
    answers = []
    with FakeProvider(provider) as api, FakeProvider(Login()) as login:
        with Sidecar(config(api.url, login.url, pem), env=env) as sidecar:
            sidecar.canaries.add(*TOKENS)
            for name in (*AUTHS, "gone", "nobody"):
                for way in WAYS:
                    fields, text = get(sidecar.port, f"/{name}{way}", Outrider_Token=ENV["SHOP"])
                    answers.append(text)
                    if "Outrider-Id" in fields:
                        last = fields["Outrider-Id"]
            answers += jobs(sidecar.port)
            for fields in ({"Outrider_Token": "no"}, {"X_Key": "no"}, {"Authorization": "Basic !"}, {}):
                answers.append(get(sidecar.port, "/header/ok?key=no", **fields)[1])
            with Wire(sidecar.port) as wire:
                wire.send(b"GET /x HTTP/1.1\r\nOutrider-Token: " + ENV["SHOP"].encode() + b"\r\n\x01\r\n\r\n")
                answers.append(wire.answer().body.decode())
            admin = int(sidecar.admin_url.rpartition(":")[2])
            for path in (*ADMIN_PAGES, f"/api/why/{last}"):
                for token in (ENV["ADMIN"], "wrong"):
                    answers.append(get(admin, path, Authorization=f"Bearer {token}")[1])
            sidecar.write("[integrations.a")
            sidecar.until_said("config.toml:")
            sidecar.write(config(api.url, login.url, pem).replace("attempts = 2", "attempts = 3"))
            sidecar.until_said("the configuration was reloaded")
            answers += [get(sidecar.port, f"/{name}/ok", Outrider_Token=ENV["SHOP"])[1] for name in AUTHS]
        assert api.problems == login.problems == []
    sent: dict[str, set[str]] = {}
    for received in (*api.requests, *login.requests):
        told = f"{received.target} {received.headers} {received.body.decode('latin-1')}"
        found = {name for name, secret in ENV.items() if leaks(told, [secret])}
        sent.setdefault(received.target.split("/")[1], set()).update(found)
    return Said("\n".join(answers), sidecar.stderr, sent)


def test_no_answer_and_no_page_tells_a_secret(said: Said, pem: Path) -> None:
    """Neither those to the app, in each way to fail, nor those of the admin listener."""
    answers = said.answers

    assert '"ok": true' in answers
    assert "outrider_attempts_total{" in answers
    assert leaks(answers, secrets(*secret_texts(pem))) == []


def test_no_line_of_the_log_tells_a_secret(said: Said, pem: Path) -> None:
    """At the lowest level and with tracebacks, whether the log is filtered or not."""
    log = said.log

    assert '"level": "debug"' in log
    assert "the author's own mistake" in log
    assert "***" not in log
    assert leaks(log, secrets(*secret_texts(pem))) == []


def test_each_secret_goes_to_its_own_target(said: Said) -> None:
    """In whatever form, and nowhere else; the app's own tokens go nowhere."""
    endpoints = {
        "token": {"CLIENT_SECRET", "REFRESH"},
        "refused": {"CLIENT_SECRET"},
        "rubbish": {"CLIENT_SECRET"},
    }

    assert {name: found for name, found in said.sent.items() if found} == {**OWN, **endpoints}
    assert said.sent.keys() >= AUTHS.keys() - {"refused", "rubbish"}


COMMANDS = (
    ("check",),
    ("show",),
    ("plugins",),
    ("docs",),
    ("docs", "--format", "html"),
    *(("explain", "GET", f"/{name}/ok") for name in ("bearer", "query", "refresh-token")),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_tells_a_secret(words: tuple[str, ...], pem: Path, tmp_path: Path) -> None:
    """With every secret there to be read."""
    (tmp_path / "config.toml").write_text(config("https://api.example", "https://login.example", pem))
    ended = outrider(words, tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert leaks(ended.stdout + ended.stderr, secrets(*secret_texts(pem))) == []


LITERAL = "canary-literal-x/y"
LITERALS = [
    'auth = { type = "bearer", token = "LITERAL" }',
    'auth = { type = "bearer", token = ["LITERAL", "env:BEARER"] }',
    'auth = { type = "bearer", token = { value = "LITERAL" } }',
    'auth = { type = "basic", username = "u", password = "LITERAL" }',
    'auth = { type = "header", name = "X", value = "LITERAL" }',
    'auth = { type = "headers", fields = { X = "LITERAL" } }',
    'auth = { type = "query", name = "k", value = "LITERAL" }',
    'auth = { type = "sigv4", region = "r", service = "s", access_key = "A", secret_key = "LITERAL" }',
    'auth = { type = "hmac", secret = "LITERAL" }',
    'auth = { type = "oauth2", token_url = "https://a", client_id = "a", client_secret = "LITERAL" }',
    'auth = { type = "oauth2", token_url = "https://a:LITERAL@a/", client_id = "a", client_secret = "env:A" }',
    'auth = "LITERAL"',
    'auth = { token = "LITERAL" }',
    'base_url = "https://me:LITERAL@a"',
    'base_url = "https://a/?key=LITERAL"',
]


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_literal_secret_is_refused_and_not_repeated(command: str, tmp_path: Path) -> None:
    """What was written where a reference belongs may be the secret itself: the error names the key alone."""
    tables = [f"[integrations.i{number}]\n{line}\n" for number, line in enumerate(LITERALS)]
    tables = [text if "base_url" in text else text + 'base_url = "https://a"\n' for text in tables]
    more = '[clients.a]\ntoken = "LITERAL"\n[server]\nadmin_token = "LITERAL"\n'
    (tmp_path / "config.toml").write_text(("".join(tables) + more).replace("LITERAL", LITERAL))
    ended = outrider((command,), tmp_path)
    said = ended.stdout + ended.stderr

    assert ended.returncode == 2
    for key in (*(f"integrations.i{number}" for number in range(len(LITERALS))), "clients.a", "server.admin"):
        assert f": {key}" in said
    assert leaks(said, [LITERAL, "canary-literal-x"]) == []


def outrider(words: tuple[str, ...], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "outrider", *words],
        cwd=folder,
        env={**ENV, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
