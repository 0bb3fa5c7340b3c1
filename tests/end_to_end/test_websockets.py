"""WebSockets through the real program: a real client and server, and both ends as bare sockets."""

import base64
import hashlib
import http.client
import json
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest
from openai import OpenAI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from certificate import make_certificate
from end_to_end.tunnels import (
    ACCEPT,
    KEY,
    SWITCH,
    Echo,
    RawProvider,
    app,
    call,
    head_of,
    is_over,
    tunnel,
)
from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[integrations.a]
base_url = "{url}"
websocket = true
auth = {{ type = "bearer", token = "env:KEY" }}
retry.attempts = 1
timeout.idle = "{idle}"
{more}
[integrations.b]
base_url = "{url}"
"""


def sidecar(url: str, *, idle: str = "5s", more: str = "") -> Sidecar:
    return Sidecar(CONFIG.format(url=url, idle=idle, more=more), env={"KEY": "provider-key"})


@pytest.fixture(scope="module")
def module_fake() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def fake(module_fake: FakeProvider) -> FakeProvider:
    module_fake.clear()
    return module_fake


@pytest.fixture(scope="module")
def shared(module_fake: FakeProvider) -> Iterator[Sidecar]:
    with sidecar(module_fake.url) as started:
        yield started


def ask(started: Sidecar, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=5)
    connection.request("GET", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_websocket_is_tunnelled_with_the_credential() -> None:
    """Texts, megabytes both ways, the close code; one exchange in the metrics, done when it ends."""
    with Echo() as provider, sidecar(provider.url) as started:
        with call(started.port, "/a/v1/live?model=x%2Fy", Authorization="Bearer the-apps") as app:
            app.send("hello")
            assert app.recv() == "hello"
            for size in (1, 8_000_000):
                app.send(b"x" * size)
                assert app.recv() == b"x" * size
            assert app.subprotocol == "realtime"
            running = started.metric("outrider_in_flight", integration="a")
            app.close(4001, "enough")
        counted = started.metric("outrider_requests_total", integration="a", status="2xx")
        tried = started.metric("outrider_attempts_total", integration="a", result="2xx")
        left = started.metric("outrider_in_flight", integration="a")

    (request,) = provider.requests
    assert request.path == "/v1/live?model=x%2Fy"
    assert request.headers.get_all("Authorization") == ["Bearer provider-key"]
    assert provider.closed == [(4001, "enough")]
    assert (running, counted, tried, left) == (1, 1, 1, 0)


def test_a_client_opens_a_tunnel_with_its_token() -> None:
    """Where the provider's key would stand; it is not passed on, and without it there is no tunnel."""
    more = '[clients.shop]\ntoken = "env:SHOP"\nintegrations = ["a"]\n'
    config = CONFIG.format(url="{url}", idle="5s", more="").replace("{{", "{").replace("}}", "}") + more
    with (
        Echo() as provider,
        Sidecar(
            config.replace("{url}", provider.url), env={"KEY": "provider-key", "SHOP": "shop-token"}
        ) as started,
    ):
        with pytest.raises(InvalidStatus) as unknown:
            call(started.port)
        with pytest.raises(InvalidStatus) as foreign:
            call(started.port, "/b/v1/live", Authorization="Bearer shop-token")
        with call(started.port, Authorization="Bearer shop-token") as app:
            app.send("hello")
            assert app.recv() == "hello"

    (request,) = provider.requests
    assert (unknown.value.response.status_code, foreign.value.response.status_code) == (401, 403)
    assert request.headers.get_all("Authorization") == ["Bearer provider-key"]
    assert "shop-token" not in str(request.headers)


def test_anything_but_a_101_is_an_ordinary_response() -> None:
    """The app's client sees the provider's own status, head and body."""

    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.FORBIDDEN, "not on this plan\n")

    with (
        Echo(refuse) as provider,
        sidecar(provider.url) as started,
        pytest.raises(InvalidStatus) as caught,
    ):
        call(started.port)

    assert caught.value.response.status_code == 403
    assert caught.value.response.body == b"not on this plan\n"
    assert "Proxy-Status" not in caught.value.response.headers


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/b/v1/live", {}, 426),
        ("/a/v1/live", {"Origin": "https://evil.example"}, 403),
        ("/a/v1/live", {"Origin": "null"}, 403),
        ("/b/v1/live", {"Origin": "https://evil.example"}, 403),
        ("/a/v1/live", {"Sec_Fetch_Mode": "websocket"}, 403),
        ("/a/v1/live", {"Sec_WebSocket_Version": "8"}, 426),
    ],
)
def test_who_gets_no_tunnel(
    path: str, fields: dict[str, str], status: int, shared: Sidecar, fake: FakeProvider
) -> None:
    """A page of another origin, and whoever calls where `websocket` is off: the provider sees nothing."""
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    handshake.update({name.replace("_", "-"): value for name, value in fields.items()})

    assert (ask(shared, path, handshake), fake.requests) == (status, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"Sec-WebSocket-Accept: {ACCEPT}\r\n", ""),
        (ACCEPT, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Upgrade: websocket", "Upgrade: tcp"),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("X-Request-Id: 7", "X-Request-Id: \x01"),
    ],
)
def test_a_101_that_does_not_fit_is_not_believed(
    old: str, new: str, shared: Sidecar, fake: FakeProvider
) -> None:
    """It is a 502, and nothing of it reaches the app."""
    fake.raw(SWITCH.replace(old, new).encode() + b"smuggled")
    with app(shared.port) as near:
        head = head_of(near)

    assert head.startswith("HTTP/1.1 502 ")


def test_a_101_that_nobody_asked_for_is_rubbish(shared: Sidecar, fake: FakeProvider) -> None:
    """With `websocket = true` too, where the app made an ordinary request."""
    fake.raw(SWITCH.encode())

    assert ask(shared, "/a/x", {}) == 502


def test_bytes_that_come_with_a_head_are_not_lost() -> None:
    """Either side may send in one piece with its head; what the app sees of it is ours or the provider's."""
    with (
        RawProvider() as provider,
        sidecar(provider.url) as started,
        app(started.port, then=b"early-app") as near,
    ):
        far, asked = provider.accept()
        with far:
            far.sendall(SWITCH.encode() + b"early-provider")
            head = head_of(near)
            assert near.recv(14, socket.MSG_WAITALL) == b"early-provider"
            assert far.recv(9, socket.MSG_WAITALL) == b"early-app"

    assert asked.startswith("GET /v1/live?x=%2F HTTP/1.1\r\n")
    assert "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in asked
    assert "\r\nX-Request-Id: 7\r\n" in head
    assert "Outrider-Fake" not in head
    assert "\r\nOutrider-Id: " in head


def test_one_side_may_end_sending_before_the_other() -> None:
    """A half-close is passed on, both ways round."""
    with RawProvider() as provider, sidecar(provider.url) as started:
        with tunnel(started, provider) as (near, far):
            near.sendall(b"last of the app")
            near.shutdown(socket.SHUT_WR)
            assert far.recv(15, socket.MSG_WAITALL) == b"last of the app"
            assert far.recv(1) == b""
            far.sendall(b"more of the provider")
            assert near.recv(20, socket.MSG_WAITALL) == b"more of the provider"
            far.shutdown(socket.SHUT_WR)
            assert near.recv(1) == b""
        with tunnel(started, provider) as (near, far):
            far.shutdown(socket.SHUT_WR)
            assert near.recv(1) == b""
            near.sendall(b"more of the app")
            assert far.recv(15, socket.MSG_WAITALL) == b"more of the app"


@pytest.mark.parametrize("which", [0, 1])
def test_one_side_that_breaks_off_ends_the_other(which: int) -> None:
    """At once, and the exchange is done."""
    with RawProvider() as provider, sidecar(provider.url) as started:
        with tunnel(started, provider) as ends:
            ends[which].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            ends[which].close()
            assert is_over(ends[1 - which])
        started.until_said('"broken": true')


def test_an_idle_tunnel_is_ended() -> None:
    """`timeout.idle`, as for a body; what moves either way puts it off."""
    with (
        RawProvider() as provider,
        sidecar(provider.url, idle="1s") as started,
        tunnel(started, provider) as (near, far),
    ):
        far.settimeout(0.3)
        for _ in range(5):
            near.sendall(b"x")
            assert far.recv(1) == b"x"
            with pytest.raises(TimeoutError):
                far.recv(1)
        far.settimeout(5)
        assert is_over(near)
        assert is_over(far)


def test_neither_side_is_read_faster_than_the_other_takes() -> None:
    """A reader that stands still holds back the writer: nothing piles up in between."""
    with (
        RawProvider() as provider,
        sidecar(provider.url) as started,
        tunnel(started, provider) as (near, far),
    ):
        for writer, reader in ((near, far), (far, near)):
            sent = _fill(writer)
            assert sent < 32 * 2**20
            got = 0
            while got < sent:
                got += len(reader.recv(2**20))
            assert got == sent


def _fill(writer: socket.socket) -> int:
    """Write until nothing more is taken for a while; how many bytes were."""
    writer.settimeout(0.5)
    sent, piece = 0, b"x" * 2**16
    with suppress(TimeoutError):
        while sent < 2**28:
            sent += writer.send(piece)
    writer.settimeout(5)
    return sent


def test_both_sides_may_speak_tls(tmp_path: Path) -> None:
    """TLS has no half-close: the end of one side ends the other, once all has arrived."""
    cert, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    tls = f'tls = {{ cert = "{cert}", key = "{key}" }}'
    server = f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n{tls}\n'
    with Echo(tls=context) as provider:
        url = provider.url.replace("http://127.0.0.1", "https://localhost")
        config = server + CONFIG.format(url=url, idle="5s", more=f'tls.ca = "{cert}"')
        trusting = ssl.create_default_context(cafile=str(cert))
        with (
            Sidecar(config, env={"KEY": "provider-key"}) as started,
            connect(
                f"wss://localhost:{started.port}/a/x",
                ssl=trusting,
                subprotocols=[Subprotocol("realtime")],
                max_size=None,
                proxy=None,
            ) as app,
        ):
            app.send(b"x" * 8_000_000)
            assert app.recv() == b"x" * 8_000_000
            app.close(4001, "enough")

    assert provider.closed == [(4001, "enough")]


def test_a_tunnel_holds_its_slot() -> None:
    """`concurrency` counts it until it ends."""
    limits = 'limits = [{ concurrency = 1, wait = "100ms" }]'
    with Echo() as provider, sidecar(provider.url, more=limits) as started:
        with call(started.port), pytest.raises(InvalidStatus) as caught:
            call(started.port)
        with call(started.port) as app:
            app.send("free again")
            assert app.recv() == "free again"

    assert caught.value.response.status_code == 429


def test_a_shutdown_waits_for_a_tunnel_and_then_ends_it() -> None:
    """As long as `server.grace`, as for every request under way."""
    server = '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\ngrace = "1s"\n'
    config = server + CONFIG.format(url="{url}", idle="5s", more="").replace("{{", "{").replace("}}", "}")
    with (
        RawProvider() as provider,
        Sidecar(config.replace("{url}", provider.url), env={"KEY": "provider-key"}) as started,
    ):
        with tunnel(started, provider) as (near, far):
            started.signal(signal.SIGTERM)
            near.sendall(b"still there")
            assert far.recv(11, socket.MSG_WAITALL) == b"still there"
            assert is_over(near)
            assert is_over(far)
        assert started.stop() == 0


# The SDK connects in a way that the newest websockets library wants changed.
@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")
def test_openais_realtime_client() -> None:
    """The official SDK, with nothing changed but its base URLs."""

    def greet(connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "session.created", "event_id": "1", "session": {}}))
        with suppress(ConnectionClosed):
            for message in connection:
                asked = json.loads(message)
                connection.send(json.dumps({"type": "response.done", "event_id": "2", "response": asked}))

    seen: list[Request] = []
    server = serve(greet, "127.0.0.1", 0, process_request=lambda _, request: seen.append(request))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        with sidecar(url) as started:
            client = OpenAI(base_url=f"{started.url}/a/v1", api_key="unused")
            with client.realtime.connect(model="gpt-realtime") as connection:
                created = connection.recv()
                connection.send({"type": "response.create"})
                done = connection.recv()
    finally:
        server.shutdown()
        thread.join()

    assert (created.type, done.type) == ("session.created", "response.done")
    assert seen[0].path == "/v1/realtime?model=gpt-realtime"
    assert seen[0].headers.get_all("Authorization") == ["Bearer provider-key"]


def test_the_accept_of_these_tests() -> None:
    """It is what RFC 6455 says for the key."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    assert base64.b64encode(hashlib.sha1((KEY + guid).encode()).digest()).decode() == ACCEPT
