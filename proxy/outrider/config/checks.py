"""Check what one table cannot know by itself: names of other tables, listeners, circles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .base_url import BaseUrl
from .integration import Config, IntegrationConfig
from .lines import KeyPath
from .listen import Listen
from .problems import Report, did_you_mean, dotted
from .vocabulary import Vocabulary


def check(config: Config, raw: Mapping[str, Any], vocabulary: Vocabulary, report: Report) -> None:
    """Report what is wrong between the tables of `config`, which lacks what has a problem already.

    `raw` is what the file says: a name that has a broken table is a name all the same.
    """
    named = raw.get("integrations", {})
    integrations = tuple(named) if isinstance(named, dict) else ()
    for name, client in config.clients.items():
        for index, each in enumerate(client.integrations or ()):
            if each not in integrations:
                where = ("clients", name, "integrations", index)
                report.problem(where, _no_integration(each, integrations))
    owners: dict[str, str] = {}
    for name, client in config.clients.items():
        owner = owners.setdefault(str(client.token), name)
        if owner != name and ("clients", name, "token") not in report.bad:
            report.problem(
                ("clients", name, "token"), f"is the token of client {owner!r} too; give each its own"
            )
    listeners = sorted(_listeners(config, raw, report), key=lambda listener: listener.written)
    _check_listeners(listeners, config, raw, report)
    if config.server.uids is not None and not any(listener.at.is_unix for listener in listeners):
        report.note(("server", "uids"), "is asked on Unix sockets, and there is none")
    for name, integration in config.integrations.items():
        path = ("integrations", name)
        _check_base_url(integration, path, listeners, vocabulary, report)
        _check_fallback(integration, path, config, integrations, report)
        _check_on(integration, path, report)
        if integration.endpoints_only and not (raw_of(raw, name).get("endpoints")):
            report.problem(
                (*path, "endpoints_only"), "refuses every call, since no endpoints are listed; list them"
            )


def raw_of(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give what the file says of an integration."""
    found = raw.get("integrations", {}).get(name, {})
    return found if isinstance(found, dict) else {}


#: What ends the list of actions: nothing after it is ever reached, but an alert.
_LAST = ("pass", "message", "queue")
#: Our own limit refused before anything was sent: there is nothing to renew or to send again.
_NOT_FOR_LIMITED = ("refresh", "retry")
_UNANSWERED = ("unreachable", "timeout")


def _check_on(integration: IntegrationConfig, path: KeyPath, report: Report) -> None:
    for key, actions in (integration.on or {}).items():
        ended = ""
        for index, action in enumerate(actions):
            where = (*path, "on", key, index)
            if ended and action != "alert":
                report.problem(where, f"{action!r} is never reached after {ended!r}; write it before")
            elif action in actions[:index]:
                report.problem(where, f"{action!r} is named twice; name it once")
            elif action == "retry" and "failover" in actions[:index]:
                report.problem(where, "'retry' is never reached after 'failover'; write it before")
            elif key == "limited" and action in _NOT_FOR_LIMITED:
                report.problem(where, f"{action!r} does not help against our own limit; leave it out")
            elif key in _UNANSWERED and action == "refresh":
                report.problem(where, "'refresh' is for a refusal, and here nobody answered; leave it out")
            elif action == "failover" and not (integration.fallback and integration.fallback.targets):
                report.note(where, "'failover' has nowhere to go: no fallback.targets are named")
            elif action == "message" and not (integration.fallback and integration.fallback.message):
                report.note(where, "'message' has nothing to say: there is no fallback.message")
            if action in _LAST:
                ended = action


def base_url_of(integration: IntegrationConfig, vocabulary: Vocabulary) -> BaseUrl | None:
    """Give where an integration's own target is: what it says, else its provider's own; else None.

    Raises ValueError when the provider's own is malformed.
    """
    if integration.base_url is not None:
        return integration.base_url
    provider = vocabulary.providers.get(integration.provider or "")
    return None if provider is None or provider.base_url is None else BaseUrl.parse(provider.base_url)


def _no_integration(name: str, known: tuple[str, ...]) -> str:
    hint = did_you_mean(name, known) or f"; known are {', '.join(known)}"
    return f"there is no such integration{hint}"


@dataclass(frozen=True, slots=True)
class _Listener:
    path: KeyPath
    at: Listen
    written: bool  # in the file, rather than a default


def _listeners(config: Config, raw: Mapping[str, Any], report: Report) -> Iterator[_Listener]:
    """Give the proxy's listeners, the admin's, then the integrations' own."""
    server = raw.get("server", {})
    written = server if isinstance(server, dict) else {}
    if ("server", "listen") not in report.bad:
        several = isinstance(written.get("listen"), list)
        for index, at in enumerate(config.server.listen):
            path: KeyPath = ("server", "listen", index) if several else ("server", "listen")
            yield _Listener(path, at, "listen" in written)
    if ("server", "admin") not in report.bad:
        yield _Listener(("server", "admin"), config.server.admin, "admin" in written)
    for name, integration in config.integrations.items():
        if integration.listen is not None:
            yield _Listener(("integrations", name, "listen"), integration.listen, written=True)


def _check_listeners(
    listeners: list[_Listener], config: Config, raw: Mapping[str, Any], report: Report
) -> None:
    for index, listener in enumerate(listeners):
        other = next((each for each in listeners[:index] if each.at.collides(listener.at)), None)
        if other is not None:
            what = "path" if listener.at.is_unix else "port"
            report.problem(
                listener.path, f"{listener.at} is taken by {dotted(other.path)}; choose another {what}"
            )
        if listener.at.is_loopback:
            continue
        if listener.path == ("server", "admin"):
            if config.server.admin_token is None and ("server", "admin_token") not in report.bad:
                report.problem(
                    listener.path,
                    'is beyond loopback without a token; write admin_token = "env:ADMIN_TOKEN" too,'
                    ' or admin = "127.0.0.1:8081"',
                )
        elif not raw.get("clients"):
            report.problem(
                listener.path,
                "is beyond loopback without clients, so anybody could spend your credentials;"
                " add [clients.NAME] with a token, or listen on 127.0.0.1 or a Unix socket",
            )


def _check_base_url(
    integration: IntegrationConfig,
    path: KeyPath,
    listeners: list[_Listener],
    vocabulary: Vocabulary,
    report: Report,
) -> None:
    where, name = (*path, "provider"), integration.provider
    if name is not None and name not in vocabulary.providers:
        near = did_you_mean(name, vocabulary.providers)
        text = f"no installed plugin gives this provider{near}{' otherwise' if near else ';'}"
        report.problem(where, f"{text} install the plugin that does, or write base_url without provider")
        return
    try:
        base_url = base_url_of(integration, vocabulary)
    except ValueError as error:
        report.problem(where, f"the plugin of provider {name!r} gives a bad base_url: {error}")
        return
    if base_url is None:
        if name is not None and (*path, "base_url") not in report.bad:
            form = vocabulary.providers[name].base_url_form or "https://..."
            text = f'provider {name!r} has no base URL of its own; write base_url = "{form}" too'
            report.problem(where, text)
        elif not {(*path, "base_url"), where} & report.bad:
            report.problem(path, 'goes nowhere; write provider = "..." or base_url = "https://..."')
        return
    own = next((each for each in listeners if each.at.answers(base_url.host, base_url.port)), None)
    if own is not None:
        text = f"is Outrider itself ({dotted(own.path)}), so calls would go in a circle"
        given = integration.base_url is not None
        report.problem((*path, "base_url") if given else where, f"{text}; write the provider's address")


def _check_fallback(
    integration: IntegrationConfig,
    path: KeyPath,
    config: Config,
    integrations: tuple[str, ...],
    report: Report,
) -> None:
    targets = integration.fallback.targets if integration.fallback else ()
    for index, target in enumerate(targets):
        where = (*path, "fallback", "targets", index)
        other = config.integrations.get(target)
        if target == integration.name:
            report.problem(where, "an integration cannot be its own fallback; name another one")
        elif target not in integrations:
            report.problem(where, _no_integration(target, integrations))
        elif target in targets[:index]:
            report.problem(where, f"{target!r} is listed twice; name it once")
        elif loop := _loop(integration.name, target, config):
            report.problem(where, f"makes a circle: {' -> '.join(loop)}; leave one of them out")
        elif other is not None and other.auth_type == "pass":
            report.problem(
                where, f'{target!r} has auth type "pass" and would get another provider\'s credential'
            )
    if targets and integration.auth_type == "pass":
        report.problem(
            (*path, "auth", "type"),
            '"pass" is refused together with fallback.targets, where the app\'s own credential would go'
            " to another provider; leave out one of the two",
        )


def _loop(name: str, target: str, config: Config) -> list[str] | None:
    """Find the way of fallbacks from `name` over `target` back to `name`, through later integrations only.

    So each circle is found once: at that of its integrations which the file has first.
    """
    order = {each: index for index, each in enumerate(config.integrations)}
    ways = [[name, target]] if order.get(target, -1) > order[name] else []
    seen = {target}
    while ways:
        way = ways.pop(0)
        fallback = config.integrations[way[-1]].fallback
        for following in fallback.targets if fallback else ():
            if following == name:
                return [*way, name]
            if following not in seen and order.get(following, -1) > order[name]:
                seen.add(following)
                ways.append([*way, following])
    return None
