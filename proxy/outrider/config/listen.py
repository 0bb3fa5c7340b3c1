"""Listeners: where Outrider takes calls."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from .host import bracketed, is_loopback, split_authority
from .parsed import Parsed

_EVERY = {4: "0.0.0.0", 6: "::"}


@dataclass(frozen=True, slots=True)
class Listen(Parsed):
    """Where to listen: `"127.0.0.1:8080"`, `"[::1]:8080"`, `"localhost:8080"` or `"unix:/run/x.sock"`.

    Port 0 takes a free one. `path` is empty but for a Unix socket, which has no `host`, and `port` 0.
    """

    host: str
    port: int
    path: str = ""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": r"^(unix:.+|.+:[0-9]{1,5})$",
        "examples": ["127.0.0.1:8080"],
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read `host:port` or `unix:/path`."""
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError('must be an address, e.g. "127.0.0.1:8080" or "unix:/run/outrider.sock"')
        if value.startswith("unix:"):
            # sockaddr_un has 108 bytes, the closing NUL included (man 7 unix).
            if not 1 <= len(value[5:].encode()) <= 107:
                raise ValueError('"unix:" needs a path of at most 107 bytes, e.g. "unix:/run/outrider.sock"')
            return cls("", 0, value[5:])
        if value.startswith((":", "*:")) and value.count(":") == 1:
            raise ValueError('needs a host: "127.0.0.1:8080", or "0.0.0.0:8080" for every interface')
        try:
            host, port = split_authority(value)
        except ValueError:
            raise ValueError(
                'must be host:port, e.g. "127.0.0.1:8080", "[::1]:8080" or "localhost:8080"'
            ) from None
        if port is None:
            raise ValueError('needs a port, e.g. "127.0.0.1:8080"; port 0 takes a free one')
        if port > 65535:
            raise ValueError("the port must be from 0 to 65535")
        return cls(host, port)

    @property
    def is_unix(self) -> bool:
        """Whether this is a Unix socket."""
        return bool(self.path)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.is_unix or is_loopback(self.host)

    def answers(self, host: str, port: int) -> bool:
        """Whether a call to this host and port arrives here, as far as the two texts can tell."""
        if self.is_unix or self.port != port or port == 0:
            return False
        # A call to an address that means "every interface" arrives at this machine.
        arrives = {{"0.0.0.0": "127.0.0.1", "::": "::1"}.get(to, to) for to in _addresses(host)}
        if self.host in _EVERY.values():  # what else reaches every interface, the text cannot tell
            arrives = {to for to in arrives if is_loopback(to)}
        return any(_covers(mine, to) for mine in _addresses(self.host) for to in arrives)

    def collides(self, other: Listen) -> bool:
        """Whether the two cannot both be listened on."""
        if self.is_unix or other.is_unix:
            return self.path == other.path
        return self.port == other.port != 0 and any(
            _covers(mine, its) or _covers(its, mine)
            for mine in _addresses(self.host)
            for its in _addresses(other.host)
        )

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.is_unix else f"{bracketed(self.host)}:{self.port}"

    def __repr__(self) -> str:
        return f"Listen({str(self)!r})"


def _addresses(host: str) -> tuple[str, ...]:
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1", "::1"
    return (host,)


def _covers(listener: str, address: str) -> bool:
    """Whether a socket bound to `listener` takes `address`; IPv6 ones are bound without IPv4."""
    if listener == address:
        return True
    try:
        return listener == _EVERY.get(ipaddress.ip_address(address).version)
    except ValueError:
        return False
