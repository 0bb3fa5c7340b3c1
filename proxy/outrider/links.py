"""Link and Location: URLs of the target's own origin are turned back to the sidecar.

An SDK that follows them would leave the sidecar otherwise. Foreign URLs stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .config import BaseUrl
    from .headers import Field

_LINK = re.compile(rb"<([^<>]*)>")
_PORTS = {"http": 80, "https": 443}


def turn_back(fields: list[Field], target: BaseUrl, base: str) -> list[Field]:
    """Give the fields with the URLs of `target` replaced by those below `base`, the caller's own form."""
    turned = []
    for name, value in fields:
        lower = name.lower()
        if lower in (b"location", b"content-location"):
            turned.append((name, _turn(value, target, base)))
        elif lower == b"link":
            turned.append((name, _LINK.sub(lambda found: b"<%b>" % _turn(found[1], target, base), value)))
        else:
            turned.append((name, value))
    return turned


def _turn(url: bytes, target: BaseUrl, base: str) -> bytes:
    text = url.decode("latin-1")
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url
    if parts.scheme or parts.netloc:
        scheme = parts.scheme or target.scheme
        if (scheme, parts.hostname, port or _PORTS[target.scheme]) != (
            target.scheme,
            target.host,
            target.port,
        ):
            return url
        if "@" in parts.netloc:
            return url
        rest = text.partition("//")[2][len(parts.netloc) :]
        prefix = base
    else:
        if not text.startswith("/"):
            return url  # relative to the request's own URL, which is right as it is
        rest = text
        prefix = "/" + base.partition("//")[2].partition("/")[2] if base.count("/") > 2 else ""
    if not _below(rest, target.path):
        return url
    return (prefix + rest[len(target.path) :]).encode("latin-1") or b"/"


def _below(rest: str, path: str) -> bool:
    return rest == path or rest.startswith((path + "/", path + "?", path + "#"))
