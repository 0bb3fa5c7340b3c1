"""Listeners: who may connect to a Unix socket, and where one may be."""

import http.client
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar, SidecarError

#: The one of these tests may be in somebody's home.
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin")

CONFIG = """
[server]
listen = "unix:{path}"
admin = "127.0.0.1:0"
{uids}
[integrations.a]
base_url = "{url}"
"""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket of a path."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(path: Path) -> int:
    connection = UnixConnection(path)
    connection.request("GET", "/a/x")
    status = connection.getresponse().status
    connection.close()
    return status


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="only Linux tells who connects")
def test_only_the_named_users_connect_to_a_unix_socket(tmp_path: Path) -> None:
    """The system says who it is, so the socket may be open to all; without `uids` it is the owner's alone."""
    path = tmp_path / "o.sock"
    me = os.getuid()
    with FakeProvider() as provider:

        def config(uids: str) -> str:
            return CONFIG.format(path=path, uids=uids, url=provider.url)

        with Sidecar(config(f"uids = [{me + 1}, {me}]")) as sidecar:
            seen = [(ask(path), mode(path))]
            sidecar.write(config(f"uids = [{me + 1}]"))
            sidecar.until_said("the configuration was reloaded")
            seen.append((ask(path), mode(path)))
        with Sidecar(config("")):
            seen.append((ask(path), mode(path)))

    assert seen == [(200, 0o666), (403, 0o666), (200, 0o600)]
    assert len(provider.requests) == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.skipif(PYTHON is None, reason="no Python that every user may run")
def test_another_user_connects_only_where_it_is_named() -> None:
    """As itself: refused by the system without `uids`, with a 403 by us, and let in when it is named."""
    nobody = 65534
    asks = (
        "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
        "s.sendall(b'GET /a/x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')\nprint(s.recv(12).decode())"
    )

    def seen(uids: str) -> str:
        with FakeProvider() as provider, tempfile.TemporaryDirectory(dir="/tmp") as folder:
            os.chmod(folder, 0o755)
            path = Path(folder, "o.sock")
            with Sidecar(CONFIG.format(path=path, uids=uids, url=provider.url)):
                done = subprocess.run(
                    [str(PYTHON), "-c", asks, path],
                    user=nobody,
                    env={},
                    capture_output=True,
                    text=True,
                    check=False,
                )
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    assert seen("") == "PermissionError: [Errno 13] Permission denied"
    assert seen("uids = [0]") == "HTTP/1.1 403"
    assert seen(f"uids = [0, {nobody}]") == "HTTP/1.1 200"


def test_a_socket_that_was_taken_away_is_told_at_a_reload(tmp_path: Path) -> None:
    """Programs that clean up /tmp do so; this file and the next one are taken all the same."""
    path = tmp_path / "o.sock"
    with FakeProvider() as provider:
        text = CONFIG.format(path=path, uids="", url=provider.url)
        with Sidecar(text) as sidecar:
            path.unlink()
            for name in ("b", "c"):
                sidecar.write(f'{text}[integrations.{name}]\nbase_url = "{provider.url}"\n')
                sidecar.until_said(f"reloaded: a, {name}")

            assert f"unix:{path} cannot be reached: no such file" in sidecar.stderr


def test_a_socket_in_a_folder_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    """In one line, with exit code 2; the folder is the user's to make."""
    path = tmp_path / "none" / "outrider.sock"

    with pytest.raises(SidecarError, match="ended with 2") as raised:
        Sidecar(CONFIG.format(path=path, uids="", url="http://127.0.0.1:9")).start()

    assert f"outrider: unix:{path}: cannot listen: its folder is not there; make it" in str(raised.value)


def test_no_socket_is_left_behind(tmp_path: Path) -> None:
    """Nobody takes what has ended for something that runs: the admin's is gone as well."""
    paths = tmp_path / "o.sock", tmp_path / "admin.sock"
    with Sidecar(f'[server]\nlisten = "unix:{paths[0]}"\nadmin = "unix:{paths[1]}"\n'):
        there = [path.exists() for path in paths]

    assert there == [True, True]
    assert [path.exists() for path in paths] == [False, False]
