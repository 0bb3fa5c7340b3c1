"""The fake providers answer what the measurements rest on, through the benchmark's own client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.measure.sse import SENT
from bench.upstreams import fixed

from bench import machine, upstreams, wire

pytestmark = pytest.mark.skipif(machine.problem() is not None, reason=str(machine.problem()))


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with upstreams.serve_streams(tmp_path_factory.mktemp("streams"), set()) as port:
        yield port


@pytest.fixture(params=["nginx", "asyncio"])
def one_kib(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    if request.param == "asyncio":
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr("bench.peers.base.SEARCHED", "")
    elif upstreams.find("nginx") is None:
        pytest.skip("nginx is not installed")
    with upstreams.serve_fixed(tmp_path, set()) as port:
        yield port


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_fixed(one_kib: int, method: str) -> None:
    """1 KiB of JSON answers every request of a connection."""
    message = wire.request(method, "/v1/charges", one_kib, b"x" * 1024 if method == "POST" else b"")
    with wire.connect(one_kib) as sock:
        answers = [wire.exchange(sock, message) for _ in range(3)]

    assert answers == [(200, wire.json_body(1024))] * 3


def test_fixed_says_credential(one_kib: int) -> None:
    """The upstream says which credential it saw."""
    message = wire.request("GET", "/whoami", one_kib).replace(
        b"Accept", b"Authorization: Bearer abc\r\nAccept"
    )
    with wire.connect(one_kib) as sock:
        answer = wire.exchange(sock, message)

    assert answer == (200, b"Bearer abc")


def test_fixed_waits_for_body() -> None:
    """The stand-in for nginx answers when a body is there, wherever the segments end."""
    sent: list[bytes] = []
    protocol = fixed.Fixed()
    protocol._transport = type("Transport", (), {"write": staticmethod(sent.append)})()
    protocol.data_received(b"POST / HTTP/1.1\r\nContent-Le")
    protocol.data_received(b"ngth: 4\r\n\r\nab")
    before = len(sent)
    protocol.data_received(b"cdGET / HTTP/1.1\r\n\r\n")

    assert (before, len(sent)) == (0, 2)


def test_events(streams: int) -> None:
    """Each event is 40 bytes in a chunk of its own and says when it was sent."""
    with wire.connect(streams) as sock:
        sock.sendall(wire.request("GET", "/events?every_ms=1&offset_ms=0", streams))
        data = wire.read_head(sock).rest
        while data.count(b"\n\n\r\n") < 3:
            data += sock.recv(4096)

    size, _, rest = data.partition(b"\r\n")
    event = rest[: int(size, 16)]
    assert (len(event), event[:6], event[-2:]) == (40, b"data: ", b"\n\n")
    assert sorted(SENT.findall(data)) == SENT.findall(data)


def test_bytes(streams: int) -> None:
    """A body is exactly as long as asked for."""
    status, body = wire.fetch(streams, "/bytes?count=300001")

    assert (status, len(body)) == (200, 300_001)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_sink(streams: int, framing: str) -> None:
    """A request body is counted in either framing, and the connection goes on."""
    if framing == "length":
        message = wire.request("POST", "/sink", streams, b"x" * 200_000)
    else:
        head = b"POST /sink HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        message = head + b"%x\r\n%s\r\n" % (100_000, b"x" * 100_000) * 2 + b"0\r\n\r\n"
    with wire.connect(streams) as sock:
        answers = [wire.exchange(sock, message) for _ in range(2)]

    assert answers == [(200, b"200000")] * 2


def test_json_body() -> None:
    """A body has the size that is asked for."""
    assert [len(wire.json_body(size)) for size in (64, 1024)] == [64, 1024]
