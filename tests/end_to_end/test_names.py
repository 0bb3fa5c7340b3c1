"""Names of providers with several addresses, through the real program and a resolver that the test writes."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from end_to_end.plugin import installed
from end_to_end.raw import Answer, Wire
from outrider.testing import FakeProvider, Sidecar

#: aiohttp's resolver, as a plugin can replace it: the loop asks the system past Python's own functions.
RESOLVER = """
import socket
from aiohttp.resolver import ThreadedResolver

ADDRESSES = {
    "half.test": ["127.0.0.2", "127.0.0.1"],
    "refused.test": ["::1", "127.0.0.3", "127.0.0.1"],
    "silent.test": ["127.0.0.2"],
    "metadata.test": ["127.0.0.1", "169.254.169.254"],
}

async def resolve(self, host, port=0, family=socket.AF_INET):
    if host not in ADDRESSES:
        raise OSError(None, "no such name")
    return [
        {"hostname": host, "host": one, "port": port, "proto": 6, "flags": 0,
         "family": socket.AF_INET6 if ":" in one else socket.AF_INET}
        for one in ADDRESSES[host]
    ]

ThreadedResolver.resolve = resolve
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """Integrations by name; at 127.0.0.2 nobody answers, for the backlog there is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.2", provider.port))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", provider.port))
        text = "".join(
            f'[integrations.{name}]\nbase_url = "http://{name}.test:{provider.port}"\nauth = {{ type = "none" }}\n'
            'timeout = { connect = "2s" }\nretry = { attempts = 1 }\n'
            for name in ("half", "refused", "silent", "metadata", "unknown")
        )
        env = installed(tmp_path_factory.mktemp("resolver"), RESOLVER)
        with Sidecar(text, env=env) as started:
            yield started
        for one in waiting:
            one.close()


def ask(sidecar: Sidecar, name: str) -> tuple[Answer, float]:
    """Make one call; the answer, and the seconds that it took."""
    began = time.monotonic()
    with Wire(sidecar.port) as wire:
        wire.send(f"GET /{name}/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return wire.answer(), time.monotonic() - began


@pytest.mark.parametrize("name", ["half", "refused"])
def test_another_address_is_tried(name: str, sidecar: Sidecar) -> None:
    """One that does not answer is not waited for (RFC 8305), one that refuses is passed over at once."""
    answer, took_s = ask(sidecar, name)

    assert answer.status == 200
    assert took_s < 1.5


@pytest.mark.parametrize(
    ("name", "status", "error", "words"),
    [
        ("silent", 504, "connection_timeout", "no connection to silent.test"),
        ("metadata", 502, "destination_ip_prohibited", "metadata.test resolves to a link-local address"),
        ("unknown", 502, "dns_error", "the name of unknown.test"),
    ],
)
def test_where_there_is_no_way(name: str, status: int, error: str, words: str, sidecar: Sidecar) -> None:
    """Each has its own words; nothing is dialled where one address leads to what is forbidden."""
    answer, _ = ask(sidecar, name)

    assert (answer.status, error in (answer.header("Proxy-Status") or "")) == (status, True)
    assert json.loads(answer.body)["detail"].startswith(words)
