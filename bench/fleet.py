"""The peers at work: started on the proxy's core, and asked one question before anything is measured."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine, processes, wire
from bench.peers import Peer, Site

START_S = 15.0


class PeerError(Exception):
    """A peer does not start, or does not do what is measured."""


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how thoroughly to measure."""

    peers: Sequence[Peer]
    folder: Path
    rounds: int = 3
    seconds: int = 4
    quick: bool = False
    policies: bool = False
    ports: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A peer that runs."""

    name: str
    port: int
    token: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_ns(self) -> int:
        """Read the CPU time that it has used so far."""
        if self.process.poll() is not None:
            raise PeerError(f"ended with {self.process.returncode}: {processes.last_line(self.log)}")
        return machine.cpu_ns(self.pid)

    def verify(self) -> None:
        """Make one call, and see that the upstream got the credential."""
        try:
            status, seen = wire.fetch(self.port, "/bench/whoami")
        except wire.WireError as exc:
            raise PeerError(f"does not carry a request: {exc}") from exc
        if status != 200:
            raise PeerError(f"answers {status}: {seen[:120].decode(errors='replace')}")
        if seen.decode(errors="replace") != f"Bearer {self.token}":
            raise PeerError("does not put the credential on")


@contextlib.contextmanager
def serving(peer: Peer, upstream: int, options: Options, connections: int = 1024) -> Iterator[Proxy]:
    """Run one peer while the block lasts, from when it accepts connections."""
    token = secrets.token_hex(16)
    port = machine.free_port(options.ports)
    folder = options.folder / f"{peer.name}-{port}"
    folder.mkdir()
    site = Site(port, upstream, folder, token, connections, options.policies)
    log = folder / "log"
    with processes.running(
        peer.command(site), core=machine.PROXY_CORE, folder=folder, log=log, environ=peer.environ(site)
    ) as process:
        proxy = Proxy(peer.name, port, token, process, log)
        _wait(proxy)
        yield proxy


def _wait(proxy: Proxy) -> None:
    """Wait until a peer accepts connections, without a request of ours."""
    deadline = time.monotonic() + START_S
    while True:
        with contextlib.suppress(OSError):
            wire.connect(proxy.port, timeout_s=1).close()
            return
        if proxy.process.poll() is not None:
            raise PeerError(f"does not start: {processes.last_line(proxy.log)}")
        if time.monotonic() > deadline:
            raise PeerError(f"does not listen after {START_S:.0f} s: {processes.last_line(proxy.log)}")
        time.sleep(0.05)


@contextlib.contextmanager
def all_serving(upstream: int, options: Options) -> Iterator[tuple[list[Proxy], dict[str, str]]]:
    """Run every peer at once; gives those that work, and why each of the others does not."""
    working: list[Proxy] = []
    failed: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for peer in options.peers:
            try:
                proxy = stack.enter_context(serving(peer, upstream, options))
                proxy.verify()
            except PeerError as exc:
                failed[peer.name] = str(exc)
            else:
                working.append(proxy)
        yield working, failed


def say(text: str) -> None:
    """Tell on stderr what is being measured."""
    print(f"  {text}", file=sys.stderr, flush=True)
