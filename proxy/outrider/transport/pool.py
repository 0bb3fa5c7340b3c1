"""The connections to one target: aiohttp's connector makes them, this keeps the idle ones.

A pool is never shared: not with another target, so not with another credential.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
import ssl
from collections import deque
from collections.abc import Collection
from functools import partial
from time import monotonic

from aiohttp import ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import ClientError
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from outrider.config import BaseUrl
from outrider.errors import TooSlow

from .deadlines import Deadlines
from .failures import Prohibited, unreachable
from .protocol import Protocol

#: An idle connection is kept this long, in seconds; most providers close theirs after a minute or more.
KEEP_IDLE_S = 15.0
#: Not link-local, and cloud metadata all the same.
_METADATA = frozenset((ipaddress.ip_address("fd00:ec2::254"),))


class Pool:
    """Hands out clean connections: the one used last first, so that the others can go."""

    def __init__(
        self, base: BaseUrl, *, tls: ssl.SSLContext | None, own_ports: Collection[int], connect_s: float
    ) -> None:
        self._where = base.authority
        self._origin = _Origin(base, tls)
        self._own_ports = own_ports
        self._connect_s = connect_s
        # Rounded up from five seconds on, unless told otherwise.
        self._timeout = ClientTimeout(connect=connect_s, ceil_threshold=math.inf)
        self._idle: deque[Protocol] = deque()
        self._connector: _Connector | None = None
        self._deadlines: Deadlines | None = None
        self._sweep: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Pool {self._where}, {len(self._idle)} idle>"

    def checkout(self) -> Protocol | None:
        """Give an idle connection that is still clean, or None."""
        idle = self._idle
        while idle:
            protocol = idle.pop()
            transport = protocol.transport
            if not protocol.should_close and transport is not None and not transport.is_closing():
                return protocol
            _drop(protocol)
        return None

    async def connect(self, left_s: float = math.inf) -> Protocol:
        """Make a connection within `left_s`. TooSlow or Unreachable otherwise; nothing was written."""
        if self._connector is None:
            self._deadlines = Deadlines(asyncio.get_running_loop())
            self._connector = _Connector(self._own_ports, self._deadlines)
        timeout = self._timeout
        if left_s < self._connect_s:
            timeout = ClientTimeout(connect=max(left_s, 0.001), ceil_threshold=math.inf)
        try:
            # The stand-in has all that connect() reads of a request; a test holds aiohttp to that.
            lease = await self._connector.connect(self._origin, [], timeout)  # type: ignore[arg-type]
        except TimeoutError:
            raise TooSlow(
                f"no connection to {self._where} within {min(left_s, self._connect_s):.3g} s",
                error_type="connection_timeout",
                written=False,
            ) from None
        except (ClientError, OSError) as error:
            raise unreachable(error, self._where) from error
        protocol = lease.protocol
        assert isinstance(protocol, Protocol)
        protocol.lease = lease
        return protocol

    def put_back(self, protocol: Protocol) -> None:
        """Keep a connection whose response ended; one that is not clean is closed."""
        protocol.end()
        if protocol.should_close or protocol.transport is None:
            _drop(protocol)
            return
        protocol.idle_since = monotonic()
        self._idle.append(protocol)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEP_IDLE_S, self._sweep_idle)

    @staticmethod
    def drop(protocol: Protocol) -> None:
        """Cut off a connection whose response did not end."""
        protocol.abort()
        _drop(protocol)

    async def close(self) -> None:
        """Close what is idle, now."""
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            _drop(self._idle.pop())
        if self._deadlines is not None:
            self._deadlines.close()
        if self._connector is not None:
            await self._connector.close()

    def _sweep_idle(self) -> None:
        self._sweep = None
        oldest = monotonic() - KEEP_IDLE_S
        while self._idle and (self._idle[0].idle_since <= oldest or not self._idle[0].clean):
            _drop(self._idle.popleft())
        if self._idle:
            due = self._idle[0].idle_since + KEEP_IDLE_S - monotonic()
            self._sweep = asyncio.get_running_loop().call_later(max(due, 0.1), self._sweep_idle)


def _drop(protocol: Protocol) -> None:
    lease, protocol.lease = protocol.lease, None
    if lease is not None:
        lease.close()


class _Origin:
    """What `TCPConnector.connect()` reads of a request: where to, and with which TLS."""

    __slots__ = ("connection_key", "port", "proxy", "server_hostname", "ssl", "url")

    def __init__(self, base: BaseUrl, tls: ssl.SSLContext | None) -> None:
        self.url = URL.build(scheme=base.scheme, host=base.host, port=base.port)
        self.port = base.port
        self.ssl: ssl.SSLContext | bool = tls if tls is not None else True
        self.proxy = None
        self.server_hostname = None
        self.connection_key = ConnectionKey(
            base.host, base.port, base.scheme == "https", self.ssl, None, None, None
        )

    def is_ssl(self) -> bool:
        return self.connection_key.is_ssl


class _Connector(TCPConnector):
    """aiohttp's connector, making our protocol, and dialling nothing that it must not."""

    def __init__(self, own_ports: Collection[int], deadlines: Deadlines) -> None:
        super().__init__(limit=0, force_close=True, resolver=_Resolver(own_ports))
        self._factory = partial(Protocol, self._loop, deadlines)  # type: ignore[assignment,arg-type]


class _Resolver(AbstractResolver):
    """Refuses link-local addresses (cloud metadata lives there) and our own listeners behind a name."""

    def __init__(self, own_ports: Collection[int]) -> None:
        self._inner = ThreadedResolver()
        self._own_ports = own_ports

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        addresses = [ipaddress.ip_address(one["host"].partition("%")[0]) for one in found]
        if any(address.is_link_local or address in _METADATA for address in addresses):
            raise Prohibited(0, f"{host} resolves to a link-local address, where cloud metadata lives")
        if port in self._own_ports and any(address.is_loopback for address in addresses):
            raise Prohibited(0, f"{host} resolves to Outrider itself")
        return found

    async def close(self) -> None:
        await self._inner.close()
