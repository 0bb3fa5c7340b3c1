"""Hosts: names and addresses in the one form in which they can be compared."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")


def canonical_host(text: str) -> str:
    """Give a host name in lower case or an address in its one form, IPv6 without brackets.

    Raises ValueError for what is neither: the short, hexadecimal and zoned forms of addresses too, which
    a resolver reads differently from a person.
    """
    if ":" in text:
        if "%" in text:
            raise ValueError("an IPv6 address cannot have a zone here")
        return str(ipaddress.IPv6Address(text))
    if _NUMERIC.fullmatch(text):
        return str(ipaddress.IPv4Address(text))
    if not _HOST.fullmatch(text):
        raise ValueError("must be a host name")
    return text.lower()


def is_loopback(host: str) -> bool:
    """Whether a canonical host is this machine and nobody else's."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_authority(text: str) -> tuple[str, int | None]:
    """Take `host`, `host:port` or `[ipv6]:port` apart; the host is canonical. Raises ValueError."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise ValueError("must be a host, or host:port")
    host = canonical_host(match["ipv6"] or match["name"])
    return host, None if match["port"] is None else int(match["port"])


def bracketed(host: str) -> str:
    """Write a host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def parse_host(value: object) -> str:
    """Read a bare host name or address, as it stands in a Host header without its port."""
    if not isinstance(value, str):
        raise ValueError("must be a host name in quotes")
    if "://" in value or "/" in value:
        raise ValueError('must be a bare host name, without scheme and path, e.g. "outrider.internal"')
    if "*" in value:
        raise ValueError("a wildcard is refused; list each host name")
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        return canonical_host(bare)
    except ValueError:
        if re.fullmatch(r"[^:]+:[0-9]+|\[.*\]:[0-9]+", value):
            raise ValueError("must be a host name without a port: every port is meant") from None
        raise ValueError('must be a bare host name, e.g. "outrider.internal"') from None


HostName = Annotated[
    str,
    PlainValidator(parse_host),
    WithJsonSchema({"type": "string", "pattern": r"^[^\s/*@]+$", "examples": ["outrider.internal"]}),
]
"""A bare host name in lower case, or an IP address, IPv6 without brackets."""
