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
_DOTS = re.compile(r"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\#]|%2f|%5c)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def turn_back(fields: list[Field], target: BaseUrl, base: str) -> list[Field]:
    """Give the fields with the URLs of `target` replaced by those below `base`, the caller's own form."""
    turned = []
    for name, value in fields:
        lower = name.lower()
        if lower == b"location":
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
    if not _below(rest, target.path) or _DOTS.search(rest.partition("?")[0]):
        return url  # dot segments could lead out from under the base path
    turned = prefix + rest[len(target.path) :]
    if turned.startswith("//"):
        turned = base + rest[len(target.path) :]  # else it would name another host
    return turned.encode("latin-1") or b"/"


def _below(rest: str, path: str) -> bool:
    return rest == path or rest.startswith((path + "/", path + "?", path + "#"))
