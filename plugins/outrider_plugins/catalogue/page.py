"""The providers as a list, as all that is known of one, and as the page docs/providers.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from outrider.plugin import LocalProvider

if TYPE_CHECKING:
    from outrider.plugin import Provider, Sign
    from outrider.registry import Registry

_HEAD = """\
# Providers

What Outrider knows of each API, as the plugins themselves say (`outrider providers --markdown`). Every
fact is a default that `config.toml` can override; one that is said to be unsure was not read in the
provider's own words. `outrider add NAME` writes an integration. The
[README](../README.md#connect-your-sdk) says how to connect, [SDKs](sdks.md) what some of them want besides.
"""
_URL, _OWN_URL = "http://127.0.0.1:8080/{}", "http://{}.localhost:8080"


def known(registry: Registry) -> list[type[Provider]]:
    """Give the providers of APIs, by title."""
    apis = (one for one in registry.providers.values() if not issubclass(one, LocalProvider))
    return sorted(apis, key=lambda one: (one.title or one.name).lower())


def lines(registry: Registry) -> Iterator[str]:
    """Give a line for each: its name, its title, how it signs in, its plans."""
    rows = [(one.name, one.title, one.auth.get("type", "none"), one.plans) for one in known(registry)]
    name, title, auth = (max((len(str(row[column])) for row in rows), default=0) for column in range(3))
    for row in rows:
        plans = f"plans: {', '.join(row[3])}" if row[3] else ""
        yield f"{row[0]:{name}}  {row[1]:{title}}  {row[2]:{auth}}  {plans}".rstrip()


def markdown(registry: Registry) -> str:
    """Give the page: one table of all, then what is known of each."""
    found = known(registry)
    text = (
        _HEAD
        + "\n| provider | `provider =` | credential | SDK, pointed at Outrider |\n| --- | --- | --- | --- |\n"
    )
    for one in found:
        setup = f"`{_setup(one)}`" if one.sdk_setup else f"base URL `{_URL.format(one.name)}`"
        text += f"| [{one.title}](#{_anchor(one.title)}) | `{one.name}` | {_credential(one)} | {setup} |\n"
    for one in found:
        text += f"\n## {one.title}\n\n"
        text += "".join(f"- **{label}**: {said}\n" for label, said in facts_of(one, _setup(one), marked=True))
    return text


def facts_of(provider: type[Provider], setup: str, *, marked: bool = False) -> list[tuple[str, str]]:
    """Give all that is known of a provider, as labels and words; `marked`: with Markdown's marks."""

    def code(text: str) -> str:
        return f"`{text}`" if marked else text

    def several(texts: tuple[str, ...]) -> str:
        return ", ".join(code(text) for text in texts)

    rows = [
        ("Base URL", code(provider.base_url or provider.base_url_form)),
        ("Further regions", ", ".join(f"{name} {code(url)}" for name, url in provider.regions.items())),
        ("Further origins", ", ".join(f"{name} {code(url)}" for name, url in provider.hosts.items())),
        ("Documentation", provider.documentation),
        ("Credential", _credential(provider) if marked else _credential(provider).replace("`", "")),
        ("Also stripped", several(_stripped(provider))),
        ("Checked by", code(provider.probe) if provider.probe else ""),
        ("Also refuses a key by", _signs(provider.refusal_signs)),
        *_limits(provider),
        ("Also limits by", _signs(provider.limit_signs)),
        ("Also fails by", _signs(provider.failure_signs)),
        ("Not tried again", _signs(provider.quota_signs)),
        ("Always tried again", _signs(provider.retry_signs)),
        ("Idempotency", _idempotency(provider, code)),
        ("Reads that are POSTs", several(provider.safe_calls)),
        ("Stands in for others", several(tuple(provider.operations))),
        ("Status page", provider.status_page.url if provider.status_page is not None else ""),
        ("SDK", provider.sdk),
        ("Point it", code(setup) if setup else ""),
        ("Beside it", provider.sdk_note.replace("{url}", _URL.format(provider.name))),
        ("Unsure", several(provider.unsure)),
        (
            "Facts of",
            f"{provider.as_of}, {provider.source or provider.documentation}" if provider.as_of else "",
        ),
    ]
    return [(label, said) for label, said in rows if said]


def _limits(provider: type[Provider]) -> Iterator[tuple[str, str]]:
    for name, plan in provider.plans.items():
        said = "; ".join(str(one) for one in plan.limits)
        yield f'Limits, plan "{name}"', f"{said}. Read {plan.as_of}, {plan.source}"


def _signs(signs: tuple[Sign, ...]) -> str:
    return "; ".join(str(sign) for sign in signs)


def _stripped(provider: type[Provider]) -> tuple[str, ...]:
    return (
        *provider.credential_headers,
        *(f"?{name}" for name in provider.credential_query),
        *(f"{name} of a body" for name in provider.credential_members),
    )


def _idempotency(provider: type[Provider], code: Callable[[str], str]) -> str:
    if provider.idempotency_header:
        calls = ", ".join(code(call) for call in provider.idempotency_calls) or "every POST and PATCH"
        return f"{code(provider.idempotency_header)} is put on {calls}"
    if provider.idempotency_field:
        return f"the app's own {code(provider.idempotency_field)} in the body counts"
    return ""


def _credential(provider: type[Provider]) -> str:
    if not provider.auth:
        return "as the configuration says"
    names = ", ".join(f"`{name}`" for name in provider.secrets.values())
    return f"{provider.auth['type']}" + (f", usually from {names}" if names else "")


def _setup(provider: type[Provider]) -> str:
    name = provider.name
    return provider.point_sdk(_URL.format(name), _OWN_URL.format(name))


def _anchor(title: str) -> str:
    kept = "".join(char for char in title.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")
