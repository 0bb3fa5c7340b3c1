"""The gate: always-on rules, asked before anything else happens. Each one answers a threat.

They look at the raw request as it was parsed and change nothing. The order is that of the checks
below; the first that fails answers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import hdrs
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from multidict import istr

from .errors import Forbidden, Looping, Malformed, Misdirected, UpgradeRequired

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from .exchange import Exchange

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
#: How often a request may have passed through an Outrider.
MAX_PASSES = 4

_UNCLEAN_TARGET = re.compile(r"[\x00-\x20\x7f\\#]")
_MAYBE_DOTS = re.compile(r"/(?:\.|%2e)|(?:\.|%2e)(?:%2f|%5c)|(?:%2f|%5c)(?:\.|%2e)", re.IGNORECASE)
_SLASHES = re.compile(r"/|%2f|%5c", re.IGNORECASE)
_ENCODED_DOT = re.compile(r"%2e", re.IGNORECASE)
_PORT = re.compile(r":[0-9]{1,5}\Z")
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_REMEMBERED = 256

_SITES = frozenset(("cross-site", "same-site"))
_MODES = frozenset(("no-cors", "navigate", "websocket"))
_SEC_FETCH_SITE = istr("Sec-Fetch-Site")
_SEC_FETCH_MODE = istr("Sec-Fetch-Mode")


def check_request(message: RawRequestMessage, max_body: int) -> None:
    """Check version, method and framing; Malformed tells which. `check_target` is asked by the table."""
    version = message.version
    if version is not HttpVersion11 and version is not HttpVersion10:
        raise Malformed("only HTTP/1.1 and HTTP/1.0 are spoken here")
    if message.method not in METHODS:
        raise Malformed(
            f"the method is not one that is passed on; those are {', '.join(sorted(METHODS))}", status=501
        )
    headers = message.headers
    if version is HttpVersion10 and hdrs.UPGRADE in headers:
        raise UpgradeRequired("HTTP/1.0 knows no Upgrade")
    if hdrs.TRANSFER_ENCODING in headers:
        if hdrs.CONTENT_LENGTH in headers or version is not HttpVersion11:
            raise Malformed("Transfer-Encoding does not go with Content-Length or with HTTP/1.0")
        codings = headers.getall(hdrs.TRANSFER_ENCODING)
        if len(codings) != 1 or codings[0].lower() != "chunked":
            raise Malformed("the only transfer coding that is understood is chunked", status=501)
    elif hdrs.CONTENT_LENGTH in headers and int(headers[hdrs.CONTENT_LENGTH]) > max_body:
        raise Malformed(f"the body is longer than server.max_body, {max_body} bytes", status=413)
    if hdrs.VIA in headers and sum(via.count(" outrider") for via in headers.getall(hdrs.VIA)) >= MAX_PASSES:
        raise Looping("the request has passed through Outrider again and again; look at base_url")


def check_target(target: str) -> None:
    """Check a raw request target: origin-form, clean, without dot segments, also once encoded."""
    if target[:1] != "/" or target[1:2] == "/":
        raise Malformed("the request target must begin with exactly one slash")
    if _UNCLEAN_TARGET.search(target) is not None:
        raise Malformed("the request target has a control character, a backslash or a '#' in it")
    path = target.partition("?")[0]
    if _MAYBE_DOTS.search(path) is not None:
        for segment in _SLASHES.split(path):
            if _ENCODED_DOT.sub(".", segment) in (".", ".."):
                raise Malformed("the request target has a dot segment in it")


def check_origin(headers: CIMultiDictProxy[str], *, page: bool = False) -> None:
    """Refuse what a web page sends: CORS protects reading, not sending.

    `page`: this is for people with a browser, so opening it is allowed.
    """
    if hdrs.ORIGIN in headers:
        ours = ("http://" + headers[hdrs.HOST].lower(), "https://" + headers[hdrs.HOST].lower())
        if any(origin.lower() not in ours for origin in headers.getall(hdrs.ORIGIN)):
            raise Forbidden("a web page of another origin may not call Outrider")
    if _SEC_FETCH_SITE in headers and any(
        v.strip().lower() in _SITES for v in headers.getall(_SEC_FETCH_SITE)
    ):
        raise Forbidden("a web page of another site may not call Outrider")
    if (
        not page
        and _SEC_FETCH_MODE in headers
        and any(v.strip().lower() in _MODES for v in headers.getall(_SEC_FETCH_MODE))
    ):
        raise Forbidden("a browser may not open or embed what Outrider serves")


def check_upgrade(exchange: Exchange, *, websocket: bool) -> None:
    """Refuse every Upgrade but a WebSocket handshake (RFC 6455 section 4.2.1) where `websocket` allows it.

    An offer of h2c is passed over, as RFC 9110 section 7.8 allows: Java's HttpClient makes it with
    every first request, and goes on in HTTP/1.1.
    """
    headers = exchange.headers
    wanted = headers.get(hdrs.UPGRADE, "").strip().lower()
    if wanted == "h2c":
        return
    if not websocket:
        raise UpgradeRequired("this integration does not pass on an Upgrade (websocket = false)")
    version = headers.get(hdrs.SEC_WEBSOCKET_VERSION, "").strip()
    if wanted != "websocket" or version != "13" or b"upgrade" not in exchange.named:
        raise UpgradeRequired("the only Upgrade that is passed on is to a WebSocket of version 13")
    keys = headers.getall(hdrs.SEC_WEBSOCKET_KEY, [])
    if exchange.method != "GET" or len(keys) != 1 or _KEY.fullmatch(keys[0].strip()) is None:
        raise Malformed("a WebSocket handshake is a GET with one Sec-WebSocket-Key")
    if headers.get(hdrs.CONTENT_LENGTH, "0") != "0" or hdrs.TRANSFER_ENCODING in headers:
        raise Malformed("a WebSocket handshake has no body")


class Hosts:
    """The Host allow-list: exact names, any port. What is not on it could be DNS rebinding."""

    def __init__(self, names: Iterable[str], integrations: Iterable[str]) -> None:
        given = (f"[{name}]" if ":" in name and name[:1] != "[" else name for name in names)
        self._names = {"localhost", "127.0.0.1", "[::1]", *(name.lower() for name in given)}
        self._integrations = {f"{name}.localhost": name for name in integrations}
        self._seen: dict[str, str] = {}

    def find(self, headers: CIMultiDictProxy[str]) -> str:
        """Give the integration that the Host names (`stripe.localhost`), "" where it names Outrider."""
        host = headers.get(hdrs.HOST)
        if host is None:
            raise Malformed("the request has no Host")
        found = self._seen.get(host)
        if found is None:
            found = self._look_up(host)
            if len(self._seen) < _REMEMBERED:
                self._seen[host] = found
        return found

    def _look_up(self, host: str) -> str:
        port = _PORT.search(host)
        name = (host[: port.start()] if port else host).lower()
        if port is not None and int(port.group()[1:]) > 65535:
            raise Misdirected("the Host has no valid port")
        if name in self._names:
            return ""
        if name in self._integrations:
            return self._integrations[name]
        raise Misdirected("the Host is not a name of Outrider's; add it to server.hosts if it should be")


def host_of_listener(host: str) -> list[str]:
    """Give the Host names that a listener's own address stands for: none for a wildcard."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return [host]
    if address.is_unspecified:
        return []
    return [f"[{address}]" if address.version == 6 else str(address)]
