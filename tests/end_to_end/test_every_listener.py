"""The gate's rules hold wherever Outrider can be reached: every table of hostile requests, on every listener."""

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificate import make_certificate
from end_to_end.cases import Refused, statuses_of
from end_to_end.raw import NoAnswerError, Wire, assert_outriders_own
from end_to_end.test_bodies import BROKEN_BODIES
from end_to_end.test_heads import CLOSING
from end_to_end.test_refusals import REFUSED
from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[server]
listen = ["127.0.0.1:0", "unix:{folder}/o.sock"]
admin = "127.0.0.1:0"
{tls}
[integrations.stripe]
base_url = "{url}"
listen = "127.0.0.1:0"
auth = {{ type = "bearer", token = "env:KEY" }}
retry.attempts = 1
breaker.failures = 1000000
"""
HOSTILE = [*REFUSED, *CLOSING]
#: What is refused for the integration that its path names: elsewhere the path names none.
ROUTED = ("unknown", "root", "prefix-", "reserved-own-host", "host-unknown-own", "host-below-own")
#: The admin listener serves pages: opening one is what a browser is for, and the rest is the proxy's alone.
PAGES = ("mode-", "upgrade-", "prefix-admin", "root")


@dataclass(frozen=True, slots=True)
class Listener:
    """How it is reached, and by which name."""

    connect: Callable[[], socket.socket]
    host: str


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def listeners(
    provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Listener]]:
    """Two sidecars, one of which speaks TLS: all the ways in."""
    folder = tmp_path_factory.mktemp("listeners")
    cert, key = make_certificate(folder)
    tls = f'tls = {{ cert = "{cert}", key = "{key}" }}'
    (folder / "tls").mkdir()

    def over_tls(port: int) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", port), timeout=5)
        return ssl.create_default_context(cafile=str(cert)).wrap_socket(plain, server_hostname="localhost")

    with (
        Sidecar(CONFIG.format(folder=folder, url=provider.url, tls=""), env={"KEY": "the-key"}) as plain,
        Sidecar(
            CONFIG.format(folder=folder / "tls", url=provider.url, tls=tls), env={"KEY": "the-key"}
        ) as safe,
    ):
        port, _, own, admin = (url.rpartition(":")[2] for url in plain.urls)
        safe_port = int(safe.urls[0].rpartition(":")[2])
        yield {
            "tcp": Listener(lambda: over_tcp(int(port)), f"127.0.0.1:{port}"),
            "unix": Listener(lambda: over_unix(folder / "o.sock"), "localhost"),
            "own": Listener(lambda: over_tcp(int(own)), f"localhost:{own}"),
            "named": Listener(lambda: over_tcp(int(port)), f"stripe.localhost:{port}"),
            "tls": Listener(lambda: over_tls(safe_port), f"localhost:{safe_port}"),
            "admin": Listener(lambda: over_tcp(int(admin)), f"127.0.0.1:{admin}"),
        }
        assert "Traceback" not in plain.stderr + safe.stderr


def over_tcp(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def over_unix(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(5)
    made.connect(str(path))
    return made


def refused(row: Refused, listener: Listener, target: bytes) -> str:
    """Send a row; "" where it was refused as it must be, else what came."""
    sent = row.sent.replace(b"{host}", listener.host.encode()).replace(b"/stripe/v1/x", target)
    with Wire.over(listener.connect()) as wire:
        wire.send(sent)
        try:
            answer = wire.answer()
            assert_outriders_own(answer)
        except (NoAnswerError, AssertionError) as error:
            return repr(error)
    allowed = range(400, 600) if target == b"/metrics" else statuses_of(row)
    return "" if answer.status in allowed else str(answer.status)


@pytest.mark.parametrize("name", ["tcp", "unix", "own", "named", "tls", "admin"])
def test_hostile_requests(name: str, listeners: dict[str, Listener], provider: FakeProvider) -> None:
    """Each of about two hundred is refused in our own words, and the provider hears of none.

    Where it is the body that is malformed, its head may be at the provider already, but never the whole.
    """
    skipped = {"admin": PAGES, "own": ROUTED, "named": ROUTED}.get(name, ())
    rows = [row for row in HOSTILE if not row.id.startswith(skipped)]
    target = b"/metrics" if name == "admin" else b"/stripe/v1/x"
    provider.until(lambda: not provider.open_connections)
    provider.clear()

    wrong = {row.id: said for row in rows if (said := refused(row, listeners[name], target))}
    heard = provider.requests.copy()
    broken = {row.id: said for row in BROKEN_BODIES if (said := refused(row, listeners[name], target))}

    assert (wrong, heard, broken) == ({}, [], {})
    assert len(rows) > 150
    assert [request for request in provider.requests if request.complete] == []


@pytest.mark.parametrize("name", ["tcp", "unix", "own", "named", "tls"])
def test_what_is_not_hostile(name: str, listeners: dict[str, Listener], provider: FakeProvider) -> None:
    """The same listeners carry a call that is well-formed."""
    provider.clear()
    path = b"/v1/x" if name in ("own", "named") else b"/stripe/v1/x"
    with Wire.over(listeners[name].connect()) as wire:
        wire.send(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, listeners[name].host.encode()))
        status = wire.answer().status

    assert (status, [request.target for request in provider.requests]) == (200, ["/v1/x"])
