"""Check a provider class when it is loaded. Each mistake is a StartError that names plugin and attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError

from .config import BaseUrl, Call
from .config.call import METHODS
from .errors import StartError
from .facts import Plan, Sign, StatusPage, Urls
from .headers import TOKEN, field
from .integration import DEFAULT_TIMEOUT
from .operation import Operation
from .provider import Provider

_TEXTS = (
    "title",
    "base_url_form",
    "documentation",
    "source",
    "as_of",
    "probe",
    "idempotency_header",
    "idempotency_field",
    "sdk",
    "sdk_setup",
    "sdk_note",
)
_SIGNS = ("limit_signs", "quota_signs", "retry_signs", "refusal_signs", "failure_signs")
_CALLS = ("judged_calls", "safe_calls", "idempotency_calls", "token_paths")


def check_provider(plugin: str, provider: type[Provider]) -> None:
    """StartError for the first attribute that cannot mean anything."""
    for attribute, check in _CHECKS.items():
        try:
            wrong = next(check(provider), "")
        except ValidationError as error:
            wrong = str(error.errors()[0]["msg"])
        except (ValueError, TypeError, AttributeError) as error:
            wrong = str(error)
        if wrong:
            where = wrong if wrong.startswith("'") else f"'{attribute}': {wrong}"
            raise StartError(f"plugin '{plugin}': provider '{provider.name}': {where}")


def _texts(provider: type[Provider]) -> Iterator[str]:
    for attribute in _TEXTS:
        given = getattr(provider, attribute)
        if not isinstance(given, str):
            yield f"'{attribute}': is a text, and {type(given).__name__} is none"


def _names(provider: type[Provider]) -> Iterator[str]:
    """Of what is taken off or turned back: one that is not known by its name would go on to the provider."""
    for attribute in ("credential_headers", "credential_query", "credential_members", "url_headers"):
        for name in _sequence(provider, attribute):
            if not isinstance(name, str) or not name:
                yield f"'{attribute}': {name!r} is no name"
            if attribute.endswith("headers") and not TOKEN.fullmatch(name.encode()):
                yield f"'{attribute}': {name!r} is no name of a header field"


def _unsure(provider: type[Provider]) -> Iterator[str]:
    for name in provider.unsure:
        if not hasattr(Provider, name):
            yield f"there is no attribute '{name}'"


def _urls(provider: type[Provider]) -> Iterator[str]:
    # base_url itself is checked where an integration uses it: with its line, and others unharmed.
    for attribute, urls in (("regions", provider.regions), ("hosts", provider.hosts)):
        for name, url in urls.items():
            try:
                BaseUrl.parse(url)
            except ValueError as error:
                yield f"'{attribute}': {name}: {error}"


def _auth(provider: type[Provider]) -> Iterator[str]:
    for attribute in ("auth", "secrets"):
        if not isinstance(getattr(provider, attribute), Mapping):
            yield f"'{attribute}': is a dict"
            return
    if provider.auth and "type" not in provider.auth:
        yield 'write its type too: {"type": "bearer"}'
    if provider.secrets and not provider.auth:
        yield "'secrets': are keys of 'auth'; write auth = too"


def _timeout(provider: type[Provider]) -> Iterator[str]:
    for key in provider.timeout:
        if key not in DEFAULT_TIMEOUT:
            yield f"there is no timeout '{key}'; known are {', '.join(DEFAULT_TIMEOUT)}"


def _fields(provider: type[Provider]) -> Iterator[str]:
    for attribute, pairs in (
        ("idempotency_header", [(provider.idempotency_header or "x", "")]),
        ("required_headers", provider.required_headers.items()),
        ("limit_headers", provider.limit_headers.items()),
        ("stop_headers", provider.stop_headers),
    ):
        for name, value in pairs:
            try:
                field(name, value)
            except ValueError as error:
                yield f"'{attribute}': {error}"


def _plans(provider: type[Provider]) -> Iterator[str]:
    for name, plan in provider.plans.items():
        if not isinstance(plan, Plan):
            yield f"{name} is not a Plan"
            return
        if not plan.source or not plan.as_of:
            yield f"{name} needs its source and the day it was read; write source = and as_of ="
        date.fromisoformat(plan.as_of)
        for published in plan.limits:
            if published.rate or published.concurrency:
                published.limit()


def _signs(provider: type[Provider]) -> Iterator[str]:
    for attribute in _SIGNS:
        for sign in _sequence(provider, attribute):
            if not isinstance(sign, Sign) or sign == Sign():
                yield f"'{attribute}': {sign!r} is no sign; write Sign(status, field=..., words=...)"
            if isinstance(sign.words, str):
                yield f"'{attribute}': words is a tuple; write words=({sign.words!r},)"


def _calls(provider: type[Provider]) -> Iterator[str]:
    calls = [(attribute, call) for attribute in _CALLS for call in _sequence(provider, attribute)]
    calls += [("probe", provider.probe)] if provider.probe else []
    for urls in provider.urls:
        if not isinstance(urls, Urls) or isinstance(urls.fields, str):
            yield "'urls': write Urls(call, fields=(...))"
        if urls.call not in ("", *METHODS):
            calls.append(("urls", urls.call))
    for attribute, call in calls:
        try:
            Call.parse(call.partition("?")[0] if attribute == "probe" else call)
        except ValueError as error:
            yield f"'{attribute}': {call!r} {error}"


def _sequence(provider: type[Provider], attribute: str) -> tuple[Any, ...]:
    given = getattr(provider, attribute)
    if not isinstance(given, tuple):
        hint = f"; write ({given!r},)" if isinstance(given, str) else ""
        raise TypeError(f"'{attribute}': is a tuple, and {type(given).__name__} is none{hint}")
    return given


def _status_page(provider: type[Provider]) -> Iterator[str]:
    page = provider.status_page
    if page is not None and not (isinstance(page, StatusPage) and page.url.startswith("https://")):
        yield 'write StatusPage("https://...", feed=..., shape=...)'


def _operations(provider: type[Provider]) -> Iterator[str]:
    for name, operation in provider.operations.items():
        if not isinstance(operation, Operation):
            yield f"{name} is no Operation; give an instance of a subclass"
            return
        for call in operation.calls:
            Call.parse(call)


def _as_of(provider: type[Provider]) -> Iterator[str]:
    if provider.as_of:
        date.fromisoformat(provider.as_of)
    yield from ()


_CHECKS: Mapping[str, Callable[[type[Provider]], Iterator[str]]] = {
    "title": _texts,
    "credential_headers": _names,
    "unsure": _unsure,
    "hosts": _urls,
    "auth": _auth,
    "timeout": _timeout,
    "required_headers": _fields,
    "plans": _plans,
    "limit_signs": _signs,
    "safe_calls": _calls,
    "status_page": _status_page,
    "operations": _operations,
    "as_of": _as_of,
}
