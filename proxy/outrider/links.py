"""Link and Location: URLs of the target's own origins are turned back to the sidecar.

An SDK that follows them would leave the sidecar otherwise. Foreign URLs stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .config import BaseUrl
    from .headers import Field

#: A target, or a quoted parameter, in which angle brackets mean nothing (RFC 8288, section 3).
_LINK = re.compile(rb'<([^<>]*)>|"(?:[^"\\]|\\.)*"')
_DOTS = re.compile(r"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\#]|%2f|%5c)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """A base URL of a target, and where it is below the app's address of the integration: "" or a prefix."""

    url: BaseUrl
    prefix: str = ""


def turn_back(
    fields: list[Field], places: Sequence[Place], base: str, named: Collection[bytes] = ()
) -> list[Field]:
    """Give the fields with the URLs of `places` replaced by those below `base`, the caller's own form.

    `Location`, `Link` and the fields `named` (in lower case) hold URLs. A relative one is of the first place.
    """
    turned = []
    for name, value in fields:
        lower = name.lower()
        if lower == b"location" or lower in named:
            turned.append((name, _turn(value, places, base)))
        elif lower == b"link":
            turned.append((name, _LINK.sub(lambda found: _turned(found, places, base), value)))
        else:
            turned.append((name, value))
    return turned


def turn_url(url: str, places: Sequence[Place], base: str) -> str:
    """Give an absolute URL of `places` as one below `base`; any other as it is."""
    if "://" not in url or not url.isascii():
        return url
    return _turn(url.encode("ascii"), places, base).decode("latin-1")


def _turned(found: re.Match[bytes], places: Sequence[Place], base: str) -> bytes:
    return found[0] if found[1] is None else b"<%b>" % _turn(found[1], places, base)


def _turn(url: bytes, places: Sequence[Place], base: str) -> bytes:
    text = url.decode("latin-1")
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url
    if parts.scheme or parts.netloc:
        if "@" in parts.netloc:
            return url
        rest = text.partition("//")[2][len(parts.netloc) :]
        for place in places:
            scheme = parts.scheme or place.url.scheme
            origin = (scheme, parts.hostname, port or _PORTS[place.url.scheme])
            if origin == (place.url.scheme, place.url.host, place.url.port):
                back = _back(rest, place, base, base)
                if back is not None:
                    return back
        return url
    if not text.startswith("/"):
        return url  # relative to the request's own URL, which is right as it is
    prefix = "/" + base.partition("//")[2].partition("/")[2] if base.count("/") > 2 else ""
    return _back(text, places[0], base, prefix) or url


def _back(rest: str, place: Place, base: str, prefix: str) -> bytes | None:
    """Give what follows an origin as it is below `prefix`; None where it is not below the place."""
    path = place.url.path
    if not _below(rest, path) or _DOTS.search(rest.partition("?")[0]):
        return None  # dot segments could lead out from under the base path
    turned = prefix + place.prefix + rest[len(path) :]
    if turned.startswith("//"):
        turned = base + place.prefix + rest[len(path) :]  # else it would name another host
    return turned.encode("latin-1") or b"/"


def _below(rest: str, path: str) -> bool:
    return rest == path or rest.startswith((path + "/", path + "?", path + "#"))
