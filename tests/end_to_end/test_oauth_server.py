"""OAuth 2 against a real server, Authlib's: every grant, both kinds of client authentication, rotation."""

import http.client
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from end_to_end.oauth_server import JWT_BEARER, Client, OAuthServer
from outrider.testing import Sidecar

SECRET = "s3cr +/%&=:ü"
CONFIG = """
[integrations.api]
base_url = "{url}"
timeout.total = "10s"
[integrations.api.auth]
type = "oauth2"
token_url = "{url}/token"
{auth}
"""


def ask(sidecar: Sidecar, method: str = "GET", body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    began = {"Began": str(time.monotonic())}
    connection.request(method, "/api/api/x", body=body or None, headers=began)
    answer = connection.getresponse()
    said = answer.status, answer.read().decode()
    connection.close()
    return said


def running(server: OAuthServer, auth: str, more: str = "", **env: str) -> Sidecar:
    return Sidecar(more + CONFIG.format(url=server.url, auth=auth), env={"SECRET": SECRET, **env})


@pytest.mark.parametrize("kind", ["basic", "body"])
@pytest.mark.parametrize("name", ["me", "me and/you+%"])
def test_client_credentials(kind: str, name: str) -> None:
    """Whatever characters a name and a secret have; a token that was taken away is replaced unseen."""
    method = "client_secret_basic" if kind == "basic" else "client_secret_post"
    auth = f'client_id = "{name}"\nclient_secret = "env:SECRET"\nclient_auth = "{kind}"\nscope = "a b"'
    with OAuthServer(Client(name, SECRET, method)) as server, running(server, auth) as sidecar:
        answers = [ask(sidecar, "POST", "one"), ask(sidecar, "PATCH", "two")]
        server.revoke_access()
        answers.append(ask(sidecar, "POST", "three"))
        sidecar.canaries.add(*server.tokens())

    assert answers == [(200, f'{{"body":"{word}"}}\n') for word in ("one", "two", "three")]
    assert server.counts == {"/token 200": 2, "/api 200": 3, "/api 401": 1}
    assert [token.scope for token in server.issued] == ["a b"] * 2


def test_a_client_that_is_not_known() -> None:
    """The server's invalid_client is for good: it is asked once."""
    auth = 'client_id = "me"\nclient_secret = "env:SECRET"'
    with OAuthServer(Client("me", "another")) as server, running(server, auth) as sidecar:
        statuses = [ask(sidecar)[0] for _ in range(3)]
        sidecar.until_said("invalid_client")

    assert (statuses, server.counts) == ([503] * 3, {"/token 401": 1})


def key_pair(kind: str, file: Path) -> Any:
    """Write a private key to a file, and give its public half."""
    key = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    public = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    return (RSAKey if kind == "RSA" else ECKey).import_key(public)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_a_jwt_bearer(kind: str, tmp_path: Path) -> None:
    """The server checks its signature, issuer, audience and times."""
    client = Client("me", grants=(JWT_BEARER,), public_key=key_pair(kind, tmp_path / "key.pem"))
    auth = f'grant = "jwt_bearer"\nclient_id = "me"\nprivate_key = "file:{tmp_path}/key.pem"\nscope = "a"'
    with OAuthServer(client) as server, running(server, auth) as sidecar:
        answers = [ask(sidecar)[0] for _ in range(2)]
        sidecar.canaries.add(*server.tokens())

    assert (answers, server.counts) == ([200] * 2, {"/token 200": 1, "/api 200": 2})


def test_a_key_that_the_server_does_not_know(tmp_path: Path) -> None:
    """Its invalid_grant is for good."""
    key_pair("EC", tmp_path / "key.pem")
    client = Client("me", grants=(JWT_BEARER,), public_key=key_pair("EC", tmp_path / "other.pem"))
    auth = f'grant = "jwt_bearer"\nclient_id = "me"\nprivate_key = "file:{tmp_path}/key.pem"'
    with OAuthServer(client) as server, running(server, auth) as sidecar:
        statuses = [ask(sidecar)[0] for _ in range(3)]
        sidecar.until_said("invalid_grant")

    assert (statuses, server.counts) == ([503] * 3, {"/token 400": 1})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_refresh_tokens_rotate(method: str, tmp_path: Path) -> None:
    """Each is spent once, by confidential and public clients; the next process goes on with the newest."""
    client = Client("me", SECRET, method, ("refresh_token",))
    with OAuthServer(client) as server:
        auth = 'grant = "refresh_token"\nclient_id = "me"\nrefresh_token = "env:REFRESH"'
        if method != "none":
            auth += '\nclient_secret = "env:SECRET"'
            auth += '\nclient_auth = "body"' if method == "client_secret_post" else ""
        more = f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nstate_dir = "{tmp_path}/state"\n'
        first, statuses = server.give("me"), []
        for _ in range(3):
            with running(server, auth, more, REFRESH=first) as sidecar:
                statuses.append(ask(sidecar)[0])
                server.revoke_access()
                statuses.append(ask(sidecar)[0])
                sidecar.canaries.add(*server.tokens())
            server.revoke_access()

    assert statuses == [200] * 6
    assert (server.reused, server.counts["/token 200"], server.counts["/token 400"]) == (0, 6, 0)


def test_a_shutdown_waits_for_a_token_under_way(tmp_path: Path) -> None:
    """The app that began the refresh has left, and SIGTERM comes before the answer: the token is kept."""
    auth = 'grant = "refresh_token"\nclient_id = "me"\nrefresh_token = "env:REFRESH"'
    more = f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nstate_dir = "{tmp_path}/state"\n'
    issued, gate = threading.Event(), threading.Event()

    def hold() -> None:
        issued.set()
        gate.wait(10)

    with OAuthServer(Client("me", auth="none", grants=("refresh_token",))) as server:
        first = server.give("me")
        server.on_issue = hold
        with running(server, auth, more, REFRESH=first) as sidecar:
            leaver = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
            leaver.request("GET", "/api/api/x")
            assert issued.wait(10)
            leaver.close()
            sidecar.until_said('"broken": true')
            threading.Timer(0.5, gate.set).start()
            code = sidecar.stop()
        server.revoke_access()
        with running(server, auth, more, REFRESH=first) as sidecar:
            status = ask(sidecar)[0]

    assert (code, status, server.reused) == (0, 200, 0)


def test_a_token_that_came_again_ends_the_family(tmp_path: Path) -> None:
    """The server revokes it all; Outrider stops, says so, and goes on once another token is given.

    Until then the provider's own 401 goes to the app: perhaps it refuses some calls only.
    """
    (tmp_path / "refresh").write_text("")
    auth = f'grant = "refresh_token"\nclient_id = "me"\nrefresh_token = "file:{tmp_path}/refresh"'
    with OAuthServer(Client("me", auth="none", grants=("refresh_token",))) as server:
        (tmp_path / "refresh").write_text(server.give("me"))
        with running(server, auth) as sidecar:
            statuses = [ask(sidecar)[0]]
            newest = server.issued[-1]
            newest.spent = True  # a thief was faster
            server.revoke_access()
            statuses += [ask(sidecar)[0] for _ in range(3)]
            sidecar.until_said("invalid_grant")
            (tmp_path / "refresh").write_text(server.give("me"))
            deadline = time.monotonic() + 60
            while ask(sidecar)[0] != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            sidecar.canaries.add(*server.tokens())

    assert statuses == [200, 401, 401, 401]
    assert (server.reused, server.counts["/token 400"]) == (1, 1)


def test_short_lives_under_load() -> None:
    """Tokens that live for moments are renewed in time: the server never sees an old one."""
    auth = 'grant = "refresh_token"\nclient_id = "me"\nrefresh_token = "env:REFRESH"'
    client = Client("me", auth="none", grants=("refresh_token",))
    with OAuthServer(client, expires_in=2.0) as server:
        first = server.give("me")
        with running(server, auth, REFRESH=first) as sidecar:
            statuses: set[int] = set()
            deadline = time.monotonic() + 60

            def call() -> None:
                while server.counts["/token 200"] < 4 and time.monotonic() < deadline:
                    statuses.add(ask(sidecar)[0])

            threads = [threading.Thread(target=call) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            sidecar.canaries.add(*server.tokens())

    assert statuses == {200}
    assert (server.reused, server.counts["/api 401"]) == (0, 0)
    assert server.counts["/token 200"] >= 4
