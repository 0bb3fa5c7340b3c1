"""Fetch: one request of Outrider's own and its whole answer, beside the request path.

For token endpoints, status pages and webhooks. Each has a connection of its own; a redirect is an
answer like any other, nothing is retried, and nobody's credential goes along by itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from outrider.config import BaseUrl
from outrider.errors import BrokenBody, Rubbish, TooSlow, Unreachable
from outrider.headers import Field, Headers, serialize

from .pool import Pool
from .upstream import Content

#: Bytes of an answer that are read; a token endpoint needs a few hundred.
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: status, fields, and all of its body."""

    status: int
    headers: Headers
    body: bytes


async def fetch(
    method: str,
    url: BaseUrl,
    path: str = "",
    *,
    headers: Iterable[Field] = (),
    body: bytes = b"",
    timeout_s: float = 10.0,
    max_bytes: int = MAX_BYTES,
    tls: ssl.SSLContext | None = None,
) -> Fetched:
    """Ask `url` + `path` once and give the answer.

    Unreachable, TooSlow after `timeout_s` seconds in all, Rubbish for what is no HTTP or is longer than
    `max_bytes`; none of them tells more of the URL than its host.
    """
    pool = Pool(url, tls=tls, own_ports=(), connect_s=timeout_s)
    length = b"Content-Length: %d\r\n" % len(body) if body or method in ("POST", "PUT", "PATCH") else b""
    head = f"{method} {url.path + path or '/'} HTTP/1.1\r\nHost: {url.authority}\r\n".encode()
    request = head + serialize(headers) + length + b"Connection: close\r\n\r\n" + body
    try:
        return await asyncio.wait_for(
            _ask(pool, request, head_only=method == "HEAD", max_bytes=max_bytes), timeout_s
        )
    except TimeoutError:
        raise TooSlow(f"{url.authority} did not answer within {timeout_s:g} s") from None
    except BrokenBody as broken:
        raise Unreachable(f"{url.authority} broke off its answer: {broken}") from None
    finally:
        await pool.close()


async def _ask(pool: Pool, request: bytes, *, head_only: bool, max_bytes: int) -> Fetched:
    protocol = await pool.connect()
    content: Content | None = None
    try:
        waiter = protocol.begin(head_only=head_only)
        protocol.write(request)
        came = await waiter
        assert isinstance(came, tuple), "nothing but the parser reads here"
        message, payload = came
        if not 200 <= message.code <= 599:
            raise Rubbish(f"the answer has status {message.code:03}")
        content = Content(pool, protocol, payload, None, idle_s=3600.0)
        content.empty = head_only
        body = b""
        while piece := await content.read():
            body += piece
            if len(body) > max_bytes:
                raise Rubbish(f"the answer is longer than {max_bytes} bytes")
        return Fetched(message.code, Headers(list(message.raw_headers)), body)
    finally:
        pool.drop(protocol)
