"""Listeners: who may connect to a Unix socket."""

import http.client
import os
import socket
import stat
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar

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
