"""Say what would happen to a call, from what is compiled: `outrider explain METHOD PATH`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import wording
from .config import Retry, secret_refs
from .errors import Malformed, NotFound
from .gate import METHODS
from .provider import LocalProvider
from .query import without_parameters
from .wording import seconds

if TYPE_CHECKING:
    from .config import Breaker
    from .integration import Integration, Target
    from .table import Table


def explain(table: Table, method: str, path: str) -> list[tuple[str, str]]:
    """Give the lines, a label and what it says. NotFound or Malformed as the app would get them."""
    if method not in METHODS:
        raise Malformed(f"the method must be one of {', '.join(sorted(METHODS))}")
    integration, rest, _ = table.find("", path)
    if integration is None:
        raise NotFound(f"no integration is meant by {path}; there are: {', '.join(table.integrations)}")
    if integration is table.nobody:
        return [("answered", "by Outrider itself: what is below /_outrider/ goes to no provider")]
    return list(_lines(integration, method, rest or "/"))


def _lines(integration: Integration, method: str, rest: str) -> Iterator[tuple[str, str]]:
    target, config = integration.target, integration.config
    yield "integration", f"{integration.name}{f' ({config.purpose})' if config.purpose else ''}"
    if config.status == "draft":
        yield "status", "draft: a 404 until its secret is set"
    yield "sends", f"{method} {_url(target, rest)}"
    if target.fetches_token(method, rest.partition("?")[0]):
        yield "answered", "here, with a token that means nothing; a user's authorization code is sent on"
    yield "credential", _credential(target)
    yield "endpoint", _endpoint(integration, method, rest)
    yield "limits", _limits(target, method, rest)
    yield "retry", _retry(target, method, rest)
    breaker = config.breaker
    yield (
        "breaker",
        "none"
        if breaker is None
        else f"after {breaker.failures} failures in a row{_share(breaker)}, left alone for "
        f"{seconds(breaker.open)}",
    )
    timeout = target.timeout
    yield (
        "timeout",
        f"connect {seconds(timeout.connect)}, response {seconds(timeout.response)}, "
        f"idle {seconds(timeout.idle)}, total {seconds(timeout.total)}",
    )
    for key, actions in sorted(target.on.table.items()):
        yield f"on {key}", ", ".join(actions)
    for fallback in integration.fallbacks:
        yield "fallback", f"{fallback.name}: {fallback.where}"
    if config.fallback is not None and config.fallback.message is not None:
        yield "message", f"status {config.fallback.message.status}"
    yield "stack", integration.describe()


def _url(target: Target, rest: str) -> str:
    rest = without_parameters(rest, target.credential_query)
    if isinstance(target.provider, LocalProvider):
        return f"{rest}, {target.where}"
    base, raw = target.aim(rest)
    return f"{base.origin}{raw}"


def _share(breaker: Breaker) -> str:
    if breaker.rate is None:
        return ""
    return f", or {breaker.rate:.0%} of at least {breaker.minimum} requests in {seconds(breaker.window)}"


def _credential(target: Target) -> str:
    kind, options = target.config.auth_type, target.config.auth
    if kind is None or options is None:
        return "none configured: the app's own is stripped"
    refs = ", ".join(str(ref) for _, ref in secret_refs(options))
    keys = len(target.auth.keys) if target.auth is not None else 0
    if keys > 1:
        return f"{kind}, a pool of {keys} keys that take turns: {refs}"
    if target.auth is not None and target.auth.passes_credentials:
        return "the app's own goes through"
    return f"{kind}{f' from {refs}' if refs else ''}"


def _endpoint(integration: Integration, method: str, rest: str) -> str:
    path = rest.partition("?")[0]
    for endpoint in integration.config.endpoints or ():
        if endpoint.call.matches(method, path):
            return f"{endpoint.call}{f': {endpoint.purpose}' if endpoint.purpose else ''}"
    return "not listed, so refused with 403" if integration.config.endpoints_only else "not listed"


def _limits(target: Target, method: str, rest: str) -> str:
    path = rest.partition("?")[0]
    found = []
    for limit in target.config.limits or ():
        if limit.endpoints is not None and not any(call.matches(method, path) for call in limit.endpoints):
            continue
        found.append(wording.limit(limit))
    return "; ".join(found) or "none configured; what the provider tells is kept"


def _retry(target: Target, method: str, rest: str) -> str:
    attempts = (target.config.retry or Retry()).attempts
    if attempts == 1:
        return "never"
    rules, path = target.idempotency, rest.partition("?")[0]
    if rules.by_call(method, path):
        return f"up to {attempts} attempts"
    if rules.takes_key(method, path):
        return f"up to {attempts} attempts, with an idempotency key"
    return f"up to {attempts} attempts if nothing was written or on a 429; else only with an Idempotency-Key"
