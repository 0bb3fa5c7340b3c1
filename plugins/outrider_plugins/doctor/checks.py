"""What is looked at, one after the other: each finding is one line of the table."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any, Literal, TypeAlias

from multidict import CIMultiDict, CIMultiDictProxy

from outrider import __version__
from outrider.body import NO_BODY, Body
from outrider.config import secret_refs
from outrider.ids import exchange_id
from outrider.plugin import (
    Exchange,
    Headers,
    Integration,
    LocalProvider,
    OutriderError,
    Provider,
    Response,
    Target,
    Unavailable,
    fetch,
)
from outrider.tls import tls_context
from outrider_plugins.limits.learned import Seen
from outrider_plugins.limits.learned import read as read_limits
from outrider_plugins.statuspages import feed_of
from outrider_plugins.statuspages.read import Unreadable
from outrider_plugins.statuspages.read import read as read_status

TIMEOUT_S = 10.0
#: Signatures and tokens allow for some minutes (AWS five, most JWTs one); less than that is no failure.
SKEW_WARN_S, SKEW_FAIL_S = 5.0, 60.0
#: A certificate with less time left than this is told.
EXPIRY_WARN_DAYS = 14
_AGAIN = "try again; then look at timeout"

Verdict: TypeAlias = Literal["ok", "warn", "fail", "-"]
Found: TypeAlias = "Callable[..., Finding]"
"""Makes a finding about one integration."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do, where there is something to do."""

    integration: str
    check: str
    verdict: Verdict
    seen: str
    remedy: str = ""


async def examine(integration: Integration, folder: Path) -> AsyncIterator[Finding]:
    """Look at one integration; what cannot work without what has failed is not tried.

    `folder` is where the relative paths of its files begin.
    """
    found: Found = partial(Finding, integration.name)
    target = integration.target
    if isinstance(target.provider, LocalProvider):
        yield found("provider", "ok", "it is inside Outrider: nothing to ask")
        return
    if integration.config.status == "deprecated":
        yield found("status", "warn", "it is deprecated", "let its callers move on")
    for finding in await _connection(found, target, folder):
        yield finding
        if finding.verdict == "fail":
            return
    for finding in await _call(found, integration):
        yield finding
    yield await _status_page(found, target)


async def _connection(found: Found, target: Target, folder: Path) -> list[Finding]:
    """Resolve the name and connect, with TLS where there is some; nothing is sent."""
    base = target.base
    try:
        places = await asyncio.get_running_loop().getaddrinfo(base.host, base.port, type=socket.SOCK_STREAM)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        remedy = "look at base_url, and at the resolver of this machine"
        return [found("dns", "fail", f"{base.host} does not resolve: {why}", remedy)]
    addresses = sorted({str(one[4][0]) for one in places})
    findings = [found("dns", "ok", f"{base.host} is {', '.join(addresses[:4])}")]
    try:
        findings.append(await asyncio.wait_for(_connect(found, target, folder), TIMEOUT_S))
    except ssl.SSLCertVerificationError as error:
        remedy = "if it is signed by an authority of your own, name that in tls.ca"
        findings.append(found("tls", "fail", f"the certificate is refused: {error.verify_message}", remedy))
    except ssl.SSLError as error:
        remedy = "look at base_url: is it the port of TLS?"
        findings.append(found("tls", "fail", f"TLS failed: {error.reason or error}", remedy))
    except (OSError, TimeoutError) as error:
        number = error.errno if isinstance(error, OSError) else None  # asyncio's text has the address again
        why = os.strerror(number) if number else f"no connection within {TIMEOUT_S:g} s"
        remedy = "look at base_url, and at the firewall: Outrider uses no HTTP_PROXY"
        findings.append(found("connect", "fail", f"{base.authority}: {why.lower()}", remedy))
    return findings


async def _connect(found: Found, target: Target, folder: Path) -> Finding:
    base = target.base
    if base.scheme == "http":
        _, writer = await asyncio.open_connection(base.host, base.port)
        writer.close()
        if base.host in ("localhost", "::1") or base.host.startswith("127."):
            return found("connect", "ok", f"{base.authority} accepts, without TLS")
        remedy = "write base_url with https: the credential goes over the network as it is"
        return found("connect", "warn", f"{base.authority} accepts, without TLS", remedy)
    files = target.config.tls
    paths = (files.ca, files.cert, files.key) if files is not None else (None, None, None)
    ca, cert, key = (None if one is None else str(folder / one) for one in paths)
    context = tls_context(ca, cert, key) or ssl.create_default_context()
    _, writer = await asyncio.open_connection(base.host, base.port, ssl=context)
    made = writer.get_extra_info("ssl_object")
    version, certificate = made.version(), made.getpeercert() or {}
    writer.close()
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    seen = f"{version}, its certificate ends on {ends:%Y-%m-%d}"
    if (ends - datetime.now(UTC)).days < EXPIRY_WARN_DAYS:
        return found("tls", "warn", seen, "its owner has to renew it by then")
    return found("tls", "ok", seen)


async def _call(found: Found, integration: Integration) -> list[Finding]:
    """Send the one call, and say what its response tells of credential, clock and limits."""
    target, provider = integration.target, integration.target.provider
    probe = provider.probe if provider is not None else ""
    exchange = exchange_of(integration, probe or "HEAD /", provider)
    before = time()
    try:
        response = await asyncio.wait_for(target.send(exchange), 2 * TIMEOUT_S)
    except OutriderError as error:
        if isinstance(error, Unavailable):
            return [found("credential", "fail", error.detail, _look_at(target))]
        return [found("call", "fail", f"{probe or 'HEAD /'}: {error.detail}", _AGAIN)]
    except TimeoutError:
        seen = f"{probe or 'HEAD /'}: no answer within {2 * TIMEOUT_S:g} s"
        return [found("call", "fail", seen, _AGAIN)]
    try:
        await response.peek()
        return [
            _credential(found, target, probe, response),
            *await _other_keys(found, integration, probe),
            _clock(found, response.headers, (before + time()) / 2),
            _limits(found, response),
        ]
    finally:
        response.close()


async def _other_keys(found: Found, integration: Integration, probe: str) -> list[Finding]:
    """Send the call with the other keys of a pool too: behind those that work a bad one does not show."""
    target, keys = integration.target, integration.target.auth.keys if integration.target.auth else ()
    if len(keys) < 2 or not probe or target.credential is None:
        return []
    for _ in keys[1:]:
        try:
            exchange = exchange_of(integration, probe, target.provider)
            response = await asyncio.wait_for(target.send(exchange), 2 * TIMEOUT_S)
        except (OutriderError, TimeoutError):
            break
        response.close()
    described: Any = target.credential.describe()
    return [
        found(
            "credential", "fail", f"{one['key']} is refused, {probe}", f"look at {', '.join(map(str, refs))}"
        )
        for one, refs in zip(described["keys"], keys, strict=True)
        if one["state"] == "refused"
    ]


def exchange_of(integration: Integration, call: str, provider: Provider | None) -> Exchange:
    """Make an exchange of Outrider's own, as if an app had called."""
    method, _, target = call.partition(" ")
    fields = {"User-Agent": f"outrider/{__version__}", "Accept": "*/*"}
    body = NO_BODY
    if method in ("POST", "PUT", "PATCH"):
        fields["Content-Type"], body = "application/json", Body(b"{}", length=2)
    fields |= provider.required_headers if provider is not None else {}
    raw = tuple((key.encode("latin-1"), value.encode("latin-1")) for key, value in fields.items())
    headers = CIMultiDictProxy(CIMultiDict(fields))
    exchange = Exchange(exchange_id(), integration, method, target, headers, raw, body)
    exchange.deadline = min(exchange.deadline, monotonic() + TIMEOUT_S)
    return exchange


def _credential(found: Found, target: Target, probe: str, response: Response) -> Finding:
    status, provider = response.status, target.provider
    seen = f"{probe}: {status}"
    if target.config.auth_type in (None, "none", "pass"):
        return found("credential", "-", "Outrider puts none on")
    if not probe:
        return found("credential", "-", "not asked: no call is known that only reads")
    if status == 401 or (provider is not None and status >= 400 and provider.key_refused(response)):
        return found("credential", "fail", f"refused, {seen}", _look_at(target))
    if target.status_of(response) == 429:
        return found("credential", "warn", f"limited now, {seen}", "ask again later")
    if status >= 500:
        return found("credential", "fail", f"the provider fails, {seen}", "look at its status page")
    if status >= 300:
        remedy = "a key with few rights may still be right for your calls"
        return found("credential", "warn", f"not clear, {seen}", remedy)
    return found("credential", "ok", f"accepted, {seen}")


def _look_at(target: Target) -> str:
    refs = ", ".join(str(ref) for _, ref in secret_refs(target.config.auth)) if target.config.auth else ""
    return f"look at {refs or 'auth'}: is it of this account, whole, and not revoked?"


def _clock(found: Found, headers: Headers, now: float) -> Finding:
    try:
        skew_s = now - parsedate_to_datetime(headers.get("Date") or "").timestamp()
    except ValueError:
        return found("clock", "-", "the response has no date")
    # The field has whole seconds, cut off.
    if abs(skew_s) < SKEW_WARN_S:
        return found("clock", "ok", "as the provider's")
    seen = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the provider's"
    verdict: Verdict = "fail" if abs(skew_s) >= SKEW_FAIL_S else "warn"
    return found("clock", verdict, seen, "set this machine's clock by NTP: tokens and signatures have a time")


def _limits(found: Found, response: Response) -> Finding:
    seen = [_limit(one) for one in read_limits(response.status, response.headers, time())]
    return found("limits", "ok" if seen else "-", "; ".join(seen) or "the response tells of none")


def _limit(seen: Seen) -> str:
    left = f"{seen.remaining} left" if seen.remaining is not None else ""
    of = f"of {seen.limit}" if seen.limit is not None else ""
    again = f"anew in {seen.reset_s:.0f} s" if seen.reset_s is not None else ""
    return f"{seen.name}: " + " ".join(one for one in (left, of, again) if one)


async def _status_page(found: Found, target: Target) -> Finding:
    feed = feed_of(target)
    if feed is None:
        return found("status page", "-", "none is known")
    url, shape = feed
    try:
        answer = await fetch("GET", url, timeout_s=TIMEOUT_S, max_bytes=4 * 2**20)
        if answer.status != 200:
            raise Unreadable(f"it answered {answer.status}")
        incident = read_status(shape, answer.body, time())
    except (OutriderError, Unreadable) as error:
        remedy = "nothing to do: alerts will not name incidents"
        return found("status page", "warn", f"{url.authority} cannot be read: {error}", remedy)
    if incident is None:
        return found("status page", "ok", f"{url.authority}: no incident")
    return found("status page", "warn", f"{url.authority}: {incident}", "wait for the provider")
