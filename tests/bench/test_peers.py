import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from bench.fleet import Options, PeerError, all_serving, serving
from bench.peers import PEERS, Site
from bench.peers.outrider import Core

from bench import machine, upstreams


def site(folder: Path, *, policies: bool = False) -> Site:
    return Site(20001, 20002, folder, "not-in-the-file", connections=100, policies=policies)


def test_outrider_holds_no_secret(tmp_path: Path) -> None:
    """Outrider's configuration refers to the token, which is in its environment."""
    command = PEERS["outrider"].command(site(tmp_path))
    config = Path(command[-1]).read_text()

    assert "not-in-the-file" not in config
    assert tomllib.loads(config)["integrations"]["bench"]["auth"] == {
        "type": "bearer",
        "token": "env:BENCH_TOKEN",
    }
    assert PEERS["outrider"].environ(site(tmp_path)) == {"BENCH_TOKEN": "not-in-the-file"}


def test_outrider_policies(tmp_path: Path) -> None:
    """With policies the same integration limits, retries, breaks and has a fallback as well."""
    command = PEERS["outrider"].command(site(tmp_path, policies=True))
    bench = tomllib.loads(Path(command[-1]).read_text())["integrations"]["bench"]

    assert set(bench) == {"base_url", "auth", "limits", "retry", "breaker", "fallback"}


def test_core_has_no_policies(tmp_path: Path) -> None:
    """It is the same program, without the layers whose price is asked for."""
    core = Core()
    command = core.command(site(tmp_path))
    environ = {**os.environ, **core.environ(site(tmp_path))}
    shown = subprocess.run(
        [word if word != "run" else "show" for word in command],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "auth(bearer)" in shown
    assert not {"retry", "limit", "break", "failover"} & set(re.findall(r"([a-z]+)\(", shown))


@pytest.mark.skipif(machine.problem() is not None, reason=str(machine.problem()))
@pytest.mark.parametrize("name", [name for name in PEERS if name != "outrider"])
@pytest.mark.parametrize("policies", [False, True])
def test_puts_credential_on(name: str, policies: bool, tmp_path: Path) -> None:
    """A peer carries a request, and the upstream sees the credential."""
    if missing := PEERS[name].missing():
        pytest.skip(f"{name}: {missing}")
    options = Options([PEERS[name]], tmp_path, policies=policies)
    with (
        upstreams.serve_fixed(tmp_path, options.ports) as port,
        serving(PEERS[name], port, options) as proxy,
    ):
        proxy.verify()
        pid = proxy.pid

    assert machine.family(pid) == []


class Broken:
    name = "broken"

    def __init__(self, code: str) -> None:
        self._code = code

    def command(self, site: Site) -> list[str]:
        return [sys.executable, "-c", self._code, str(site.port), str(site.upstream)]

    def environ(self, site: Site) -> dict[str, str]:
        return {}

    def missing(self) -> None:
        return None

    def version(self) -> str:
        return "0"


RELAY = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        app, _ = server.accept()
        if request := app.recv(4096):
            upstream = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
            upstream.sendall(request)
            app.sendall(upstream.recv(4096))
"""
TEAPOT = RELAY.replace(
    "upstream.recv(4096)", "b'HTTP/1.1 418 Teapot\\r\\nContent-Length: 5\\r\\n\\r\\nshort'"
)


@pytest.mark.skipif(machine.problem() is not None, reason=str(machine.problem()))
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit('no such option')", "does not start: no such option"),
        (RELAY, "does not put the credential on"),
        (TEAPOT, "answers 418: short"),
        (RELAY.replace("app.sendall", "app.close() or bytes"), "does not carry a request: "),
    ],
)
def test_broken(code: str, expected: str, tmp_path: Path) -> None:
    """A peer that does not do what is measured is left out, and why is said."""
    options = Options([Broken(code)], tmp_path)
    with (
        upstreams.serve_fixed(tmp_path, options.ports) as port,
        all_serving(port, options) as (working, failed),
    ):
        assert working == []
        assert failed["broken"].startswith(expected)


@pytest.mark.skipif(machine.problem() is not None, reason=str(machine.problem()))
def test_ended(tmp_path: Path) -> None:
    """A peer that ends while it is measured says with which words."""
    listen = "import socket, sys\nserver = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    code = listen + "server.accept()\nsys.exit('bye')"
    with serving(Broken(code), 1, Options([], tmp_path)) as proxy:
        proxy.process.wait(10)
        with pytest.raises(PeerError, match="ended with 1: bye"):
            proxy.cpu_ns()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nginx", "not installed; apt-get install nginx-light"),
        ("haproxy", "not installed; apt-get install haproxy"),
    ],
)
def test_missing(name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not installed names the package that gives it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("bench.peers.base.SEARCHED", "")

    assert PEERS[name].missing() == expected
