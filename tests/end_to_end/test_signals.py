"""Signals: what ends the program, and what it lets end first; what reloads it, and when it does not."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from certificate import make_certificate
from end_to_end.plugin import installed
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step, sse

CONFIG = """
[integrations.{name}]
base_url = "{url}"
[integrations.{name}.auth]
type = "bearer"
token = "{token}"
"""


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_sigterm_lets_requests_end() -> None:
    """The listener closes, the admin says 503, the stream under way ends whole, the program exits 0."""
    with FakeProvider() as provider:
        config = CONFIG.format(name="one", url=provider.url, token="env:TEST_TOKEN")
        with Sidecar(config, env={"TEST_TOKEN": "secret-value"}) as sidecar:
            provider.stream(sse("one"), Step.WAIT, sse("two"))
            with socket.create_connection(("127.0.0.1", sidecar.port), timeout=5) as app:
                app.sendall(b"GET /one/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
                seen = app.recv(4096)
                sidecar.signal(signal.SIGTERM)
                admin = int(sidecar.admin_url.rpartition(":")[2])
                while status_of(admin, "/readyz") != 503:
                    pass
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", sidecar.port), timeout=5)
                provider.release()
                while piece := app.recv(4096):
                    seen += piece

            assert seen.endswith(b"0\r\n\r\n")
            assert b"two" in seen
            assert sidecar.stop() == 0


def test_an_idle_app_over_tls_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It reads nothing, so it does not say goodbye either; one that pools its connections is so."""
    cert, key = make_certificate(tmp_path)
    config = CONFIG.format(name="a", url="http://127.0.0.1:9", token="env:T")
    config += f'[server]\ntls = {{ cert = "{cert}", key = "{key}" }}\n'
    context = ssl.create_default_context(cafile=str(cert))
    sidecar = Sidecar(config, env={"T": "x"}, stop_timeout_s=10).start()
    connection = http.client.HTTPSConnection("localhost", sidecar.port, timeout=5, context=context)
    try:
        connection.request("GET", "/a/x")
        connection.getresponse().read()

        assert sidecar.stop() == 0
    finally:
        connection.close()
        sidecar.stop()


def test_the_grace_time_ends(tmp_path: Path) -> None:
    """What does not end within `server.grace` is cut off, broken."""
    with FakeProvider() as provider:
        server = '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\ngrace = "200ms"\n'
        with Sidecar(server + CONFIG.format(name="one", url=provider.url, token="cmd:echo t0ken")) as sidecar:
            provider.stream(sse("one"), Step.WAIT)
            with Wire(sidecar.port) as wire:
                wire.send(b"GET /one/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
                provider.until(lambda: bool(provider.requests))
                sidecar.signal(signal.SIGTERM)
                answer = wire.answer()

            assert not answer.complete
            assert sidecar.stop() == 0
            assert "server.grace" in sidecar.stderr


def test_signals_until_the_end_do_not_change_the_exit_code(tmp_path: Path) -> None:
    """Whoever is told to end, again and again, ends with 0: there is no moment in which a signal kills."""
    (tmp_path / "config.toml").write_text('[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "outrider", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        while program.poll() is None:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                program.send_signal(number)

    assert program.returncode == 0


def test_a_reload_does_not_open_what_is_being_closed() -> None:
    """While the last request ends a SIGHUP changes nothing, whatever the file says by then."""
    with FakeProvider() as provider, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        config = CONFIG.format(name="one", url=provider.url, token="cmd:echo t0ken")
        with Sidecar(config) as sidecar, Wire(sidecar.port) as wire:
            provider.stream(sse("one"), Step.WAIT)
            wire.send(b"GET /one/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            provider.until(lambda: bool(provider.requests))
            sidecar.signal(signal.SIGTERM)
            admin = int(sidecar.admin_url.rpartition(":")[2])
            while status_of(admin, "/readyz") != 503:
                pass
            free.close()
            own = f'[integrations.two]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
            with sidecar.config_path.open("a") as file:
                file.write(f'{own}listen = "127.0.0.1:{port}"\n')
            sidecar.signal(signal.SIGHUP)
            provider.release()
            answer = wire.answer()

            assert answer.complete
            assert sidecar.stop() == 0
            assert "reloaded" not in sidecar.stderr


def test_a_reload_waits_for_the_start(tmp_path: Path) -> None:
    """Nobody is served before the lifespans of all plugins have begun: a job could not be kept, say."""
    code = """
import asyncio, os, signal
from contextlib import asynccontextmanager
from outrider.plugin import hookimpl

@hookimpl
@asynccontextmanager
async def outrider_lifespan(app):
    os.kill(os.getpid(), signal.SIGHUP)
    for _ in range(50):
        await asyncio.sleep(0.01)
        assert not app.listeners, "it listens already"
    yield
"""
    config = CONFIG.format(name="one", url="http://127.0.0.1:9", token="cmd:echo t0ken")
    with Sidecar(config, env=installed(tmp_path, code)) as sidecar:
        sidecar.until_said("the configuration was reloaded: one")


def test_a_sighup_while_secrets_are_asked_for_kills_nobody(tmp_path: Path) -> None:
    """A password manager may take its time, and whoever has written the file tells so at once."""
    (tmp_path / "slow").write_text(f"touch {tmp_path}/asked; read answer < {tmp_path}/go; echo t0ken-of-one")
    os.mkfifo(tmp_path / "go")
    server = '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n'
    config = CONFIG.format(name="one", url="http://127.0.0.1:9", token=f"cmd:sh {tmp_path}/slow")
    (tmp_path / "config.toml").write_text(server + config)
    with subprocess.Popen(
        [sys.executable, "-m", "outrider", "run"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as program:
        while not (tmp_path / "asked").exists():
            assert program.poll() is None
        program.send_signal(signal.SIGHUP)
        (tmp_path / "go").write_text("on\n")
        assert program.stdout is not None
        said = [program.stdout.readline() for _ in ("server", "admin")]
        program.terminate()

    assert all(line.startswith("listening http://127.0.0.1:") for line in said)
    assert program.returncode == 0
