"""Base URLs: where a provider is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from .host import bracketed, split_authority
from .parsed import Parsed

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/]*)(?P<path>/.*)?", re.IGNORECASE)
_PATH = re.compile(r"(?:[!$&-;=@-Z_a-z~]|%[0-9A-Fa-f]{2})*")
_DOTS = re.compile(r"(?:/|%2f|%5c)(?:\.|%2e){1,2}(?=/|%2f|%5c|$)", re.IGNORECASE)
_DEFAULT_PORT = {"http": 80, "https": 443}


def parse_path(path: str) -> str:
    """Check a path: verbatim, percent-escapes included, without a query."""
    if not path.startswith("/"):
        raise ValueError('the path must begin with "/", e.g. "/v1"')
    if "?" in path or "#" in path:
        raise ValueError("a path has no query or fragment; leave out what follows the '?' or '#'")
    if not _PATH.fullmatch(path):
        raise ValueError("the path has a character that no URL path has; write it percent-encoded")
    if _DOTS.search(path) or "//" in path.rstrip("/"):
        raise ValueError("the path must not have '.', '..' or empty segments")
    return path


@dataclass(frozen=True, slots=True)
class BaseUrl(Parsed):
    """The address of a provider, e.g. `"https://api.acme.example/v2"`.

    `host` is in lower case, IPv6 without brackets; `path` is verbatim, percent-escapes included, without a
    trailing slash: "" when there is none.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str = ""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@\\]+(/[^\s?#\\]*)?$",
        "examples": ["https://api.example.com"],
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a URL of scheme, host, port and path only; no error repeats it, it may hold a password."""
        if not isinstance(value, str):
            raise ValueError('must be a URL, e.g. "https://api.example.com"')
        if not value.isascii() or not value.isprintable() or any(char in value for char in " \\"):
            raise ValueError(
                "a URL has no spaces, backslashes, control or non-ASCII characters; percent-encode them"
                " in the path, and write an international host in its xn-- form"
            )
        if "#" in value or "?" in value:
            raise ValueError("must not have a query or a fragment; leave out what follows the '?' or '#'")
        match = _URL.fullmatch(value)
        if match is None:
            raise ValueError('must begin with "https://" or "http://" and name a host')
        if "@" in match["authority"]:
            raise ValueError("must not have a user or password; write them as auth, type basic")
        try:
            host, port = split_authority(match["authority"])
        except ValueError:
            raise ValueError(
                'must name a host, e.g. "https://api.example.com" or "http://[::1]:8000"'
            ) from None
        if port is not None and not 1 <= port <= 65535:
            raise ValueError("the port must be from 1 to 65535")
        path = parse_path(match["path"] or "/").rstrip("/")
        scheme: Literal["http", "https"] = "https" if match["scheme"].lower() == "https" else "http"
        return cls(scheme, host, port or _DEFAULT_PORT[scheme], path)

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only when it is not the scheme's own."""
        host = bracketed(self.host)
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority, e.g. `https://api.stripe.com`."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Url(BaseUrl):
    """A URL that is asked as it stands: a slash at its end is part of it."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read it like a BaseUrl, and keep its last slash."""
        parsed = super().parse(value)
        slash = "/" if isinstance(value, str) and value.endswith("/") else ""
        return cls(parsed.scheme, parsed.host, parsed.port, parsed.path + slash)


@dataclass(frozen=True, slots=True, repr=False)
class UrlOrPath(Parsed):
    """A URL, or a path of the integration's own host: `"/oauth/token"`. `text` is what was written."""

    text: str

    json_schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^(https?://|/)"}

    @classmethod
    def parse(cls, value: object) -> Self:
        """Check it as a Url; a path as that of any host."""
        path = isinstance(value, str) and value.startswith("/")
        Url.parse(f"https://host.invalid{value}" if path else value)
        return cls(str(value))

    def at(self, base: BaseUrl) -> Url:
        """Give the URL, for an integration whose base URL is `base`."""
        return Url.parse(base.origin + self.text if self.text.startswith("/") else self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"UrlOrPath({self.text!r})"
