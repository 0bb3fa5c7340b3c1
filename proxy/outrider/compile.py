"""Compile a configuration and the plugins into a Table. All that can be decided at load is decided here."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clients import Client, Clients
from .config import BaseUrl, IntegrationConfig, Problem, base_url_of, dotted, load, secret_refs
from .errors import NotFound, StartError
from .events import Events
from .exchange import Exchange
from .gate import Hosts, host_of_listener
from .hosts import dispatched
from .integration import Integration, Target
from .judged import judged
from .layers import OUTER, Layer, Placed, Stage, answering, arrange, compose, handing_on
from .provider import LocalProvider, Provider
from .registry import Registry
from .secrets import SecretMissing, Vault
from .stamp import Stamp, stamp_of
from .steps import attempts, keeping, prepared, timed
from .table import Table
from .tls import TlsFiles, listening_context, tls_context
from .transport import UpgradingUpstream, Upstream

if TYPE_CHECKING:
    from .config import Config, Loaded
    from .layers import AttemptSend, ExchangeSend
    from .response import Response


@dataclass
class Compiled:
    """What came of reading a file: a table, or the problems that stand against it."""

    loaded: Loaded
    stamp: Stamp
    """Of the file, from before it was read: a change since then is seen by whoever watches it."""
    table: Table | None = None
    problems: list[Problem] = field(default_factory=list)
    vault: Vault | None = None
    """The secrets that were asked for, also where one is missing and there is no table."""

    @property
    def names(self) -> list[str]:
        """The integrations in the file, those that sleep included."""
        return list(self.loaded.config.integrations) if self.loaded.config is not None else []

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What is right and does nothing yet."""
        return self.loaded.notes


class Compiler:
    """Compiles one file, with the plugins that are installed."""

    def __init__(
        self,
        path: Path,
        registry: Registry,
        *,
        secrets: bool = True,
        own_ports: Collection[int] = (),
        before: Table | None = None,
    ) -> None:
        self._path = path
        self._registry = registry
        self._secrets = secrets
        self._own_ports = own_ports
        self._before = before

    def compile(self) -> Compiled:
        """Read, check and compile: every problem at once."""
        stamp = stamp_of(self._path)
        loaded = load(self._path, self._registry.vocabulary)
        compiled = Compiled(loaded, stamp, problems=list(loaded.problems))
        if loaded.config is not None:
            try:
                self._compile(loaded.config, compiled)
            except StartError as error:
                self._problem(compiled, (), str(error))
        elif loaded.partial is not None:
            compiled.vault = Vault(self._path.parent, absent=not self._secrets)
            self._report_missing(loaded.partial, compiled.vault, compiled)
            compiled.problems.sort(key=lambda problem: problem.line)
        return compiled

    def _compile(self, config: Config, compiled: Compiled) -> None:
        folder, server = self._path.parent, config.server
        token_dir = folder / (server.token_dir or Path(server.state_dir, "tokens"))
        vault = compiled.vault = Vault(folder, absent=not self._secrets, token_dir=token_dir)
        events = Events(self._registry.plugin_of)
        integrations: dict[str, Integration] = {}
        closers = []
        lacking = self._report_missing(config, vault, compiled)
        for plugin, text in self._registry.each("outrider_check", config=config):
            self._plugin_problem(compiled, plugin, text)
        for _ in self._registry.call("outrider_subscribe", events=events, config=config):
            pass
        targets: dict[str, Target] = {}
        for name, section in config.integrations.items():
            if name in lacking:
                continue
            try:
                targets[name], upstreams = self._target(name, section, vault, events)
            except TlsFiles:
                continue  # reported with the secrets
            except StartError as error:
                self._problem(compiled, ("integrations", name), str(error))
                continue
            closers += [upstream.close for upstream in upstreams]
        for name, target in targets.items():
            try:
                integrations[name] = self._integration(target, targets, events)
            except StartError as error:
                self._problem(compiled, ("integrations", name), str(error))
        if compiled.problems:
            compiled.problems.sort(key=lambda problem: problem.line)
            return
        compiled.table = Table(
            path=self._path,
            config=config,
            integrations=integrations,
            nobody=_nobody(vault, self._routes()),
            hosts=_hosts(config),
            clients=self._clients(config, vault),
            events=events,
            vault=vault,
            closers=closers,
        )

    def _target(
        self, name: str, section: IntegrationConfig, vault: Vault, events: Events
    ) -> tuple[Target, list[Upstream]]:
        """Compile the way to one target: RETRY, then for each attempt BREAK, LIMIT, AUTH, the transport."""
        provider = self._provider(section.provider) if section.provider is not None else None
        base = base_url_of(section, self._registry.vocabulary)
        assert base is not None, "checked at load"
        target = Target(name, section, base, provider, vault)
        target.events = events
        target.before = self._replaced(target)
        layers = self._layers("outrider_target_layers", name, OUTER, target=target, events=events)
        layers = [self._of_auth_type(placed, section) for placed in layers]
        innermost: AttemptSend
        upstreams: list[Upstream] = []
        if isinstance(provider, LocalProvider):
            innermost = timed(provider.serve, target.timeout)
            if (plugin := self._foreign("provider", section.provider)) is not None:
                innermost = answering(plugin, innermost)
        else:
            kind = UpgradingUpstream if section.websocket else Upstream
            target.tls = tls = self._tls(section)
            for place in target.places:
                upstreams.append(kind(target, place, tls=tls, own_ports=self._own_ports))
            innermost = upstreams[0].send
            if target.hosts:
                others = {name: one.send for name, one in zip(target.hosts, upstreams[1:], strict=True)}
                innermost = dispatched(innermost, others)
        if provider is not None and provider.judged_calls:
            innermost = judged(innermost, provider)
        send = compose([placed for placed in layers if placed.layer.stage > Stage.RETRY], innermost)
        carried: ExchangeSend = attempts(target, send, events)
        target.stack = tuple(layers)
        target.send = compose([placed for placed in layers if placed.layer.stage == Stage.RETRY], carried)
        target.before = None
        return target, upstreams

    def _replaced(self, target: Target) -> Target | None:
        """Give the target that runs under this name, if it is the same account at the same place."""
        integration = self._before.integrations.get(target.name) if self._before is not None else None
        if integration is None:
            return None
        one = integration.target
        same = (
            one.base == target.base
            and one.config.provider == target.config.provider
            and one.config.auth == target.config.auth
        )
        return one if same else None

    def _integration(self, target: Target, targets: Mapping[str, Target], events: Events) -> Integration:
        """Compile what an exchange passes once: OBSERVE, ADMIT, FAILOVER, then its targets."""
        name, section, provider = target.name, target.config, target.provider
        fallback = section.fallback.targets if section.fallback is not None else ()
        # A fallback that is a draft without its secret is passed over.
        fallbacks = tuple(targets[other] for other in fallback if other in targets)
        integration = Integration(name, section, target, fallbacks)
        inner = frozenset(Stage) - OUTER
        layers = self._layers(
            "outrider_integration_layers", name, inner, integration=integration, events=events
        )
        integration.stack = tuple(layers)
        steps = [*layers, *(placed for one in (target, *fallbacks) for placed in one.stack)]
        integration.keeps_body = any(placed.layer.keeps_body for placed in steps)
        carried = target.send
        if provider is not None and type(provider).prepare is not Provider.prepare:
            plugin = self._foreign("provider", section.provider)
            carried = prepared(provider, carried if plugin is None else handing_on(plugin, carried))
        send = compose(layers, carried)
        integration.send = keeping(send) if integration.keeps_body else send
        return integration

    def _provider(self, name: str) -> Provider:
        """Make the instance of a provider. StartError names the plugin where that fails."""
        plugin = self._registry.owner("provider", name)
        try:
            return self._registry.providers[name]()
        except Exception as error:
            raise StartError(
                f"plugin '{plugin}': provider '{name}' raised {type(error).__name__}: {error}"
            ) from error

    def _tls(self, section: IntegrationConfig) -> ssl.SSLContext | None:
        tls = section.tls
        if tls is None:
            return None
        # The key of a certificate is a secret.
        pair = (tls.cert, tls.key) if self._secrets else (None, None)
        return tls_context(*(_below(self._path.parent, path) for path in (tls.ca, *pair)))

    def _layers(
        self, hook: str, owner: str, foreign: Collection[Stage], **arguments: Any
    ) -> list[Placed[Any]]:
        """Ask a hook for layers; `foreign` are the stages that are not for it."""
        placed = []
        for plugin, layer in self._registry.each(hook, **arguments):
            if not isinstance(layer, Layer):
                raise StartError(
                    f"plugin '{plugin}': {hook} gives {type(layer).__name__}; give outrider.plugin.Layer"
                )
            if layer.stage in foreign:
                raise StartError(f"plugin '{plugin}': Stage.{layer.stage.name} is not for {hook}")
            placed.append(Placed(plugin, layer, foreign=not self._registry.plugins[plugin].builtin))
        return arrange(placed, owner=f"integration '{owner}'")

    def _of_auth_type(self, placed: Placed[Any], section: IntegrationConfig) -> Placed[Any]:
        """Lay the layer that authenticates at the door of the plugin whose auth type it is."""
        plugin = self._foreign("auth type", section.auth_type)
        if placed.layer.stage != Stage.AUTH or placed.foreign or plugin is None:
            return placed
        return replace(placed, plugin=plugin, foreign=True)

    def _routes(self) -> dict[str, ExchangeSend]:
        """Give what answers below `/_outrider/`; the plugin of one that gives no response is named."""
        routes = {}
        for name, route in self._registry.routes.items():
            plugin = self._foreign("route", name)
            routes[name] = route if plugin is None else answering(plugin, route)
        return routes

    def _foreign(self, kind: str, name: str | None) -> str | None:
        """Give the plugin that a provider, auth type or route is from, None where that is built in."""
        plugin = self._registry.owner(kind, name) if name is not None else None
        return None if plugin is None or self._registry.plugins[plugin].builtin else plugin

    def _clients(self, config: Config, vault: Vault) -> Clients | None:
        if not config.clients:
            return None
        return Clients(
            [
                Client(
                    name,
                    vault.get(one.token),
                    None if one.integrations is None else frozenset(one.integrations),
                    one.endpoints,
                )
                for name, one in config.clients.items()
            ]
        )

    def _report_missing(self, config: Config, vault: Vault, compiled: Compiled) -> set[str]:
        """Report every secret and file that gives nothing; give the integrations that lack a secret."""
        lacking = set()
        for where, options in (
            (("server",), config.server),
            (("alerts",), config.alerts),
            (("traces",), config.traces),
            *((("clients", name), client) for name, client in config.clients.items()),
        ):
            for path, text in self._missing(where, options, vault):
                self._problem(compiled, path, text)
        if self._secrets:
            try:
                listening_context(config)
            except TlsFiles as files:
                for key, text in files.reasons.items():
                    self._problem(compiled, ("server", "tls", key), text)
        for name, section in config.integrations.items():
            missing = self._missing(("integrations", name), section, vault)
            if missing:
                lacking.add(name)
            # A draft sleeps until its secret is set; for any other it is a problem.
            for path, text in missing if section.status != "draft" else ():
                self._problem(compiled, path, text)
            try:
                self._tls(section)
            except TlsFiles as files:
                for key, text in files.reasons.items():
                    self._problem(compiled, ("integrations", name, "tls", key), text)
        return lacking

    def _missing(
        self, where: tuple[str | int, ...], options: Any, vault: Vault
    ) -> list[tuple[tuple[str | int, ...], str]]:
        """Resolve the secrets of a table; those that give nothing, with what to do."""
        missing = []
        for path, ref in secret_refs(options):
            try:
                vault.get(ref)
            except SecretMissing as problem:
                missing.append(((*where, *path), str(problem)))
        return missing

    def _problem(self, compiled: Compiled, where: tuple[str | int, ...], text: str) -> None:
        line = compiled.loaded.lines.of(where)
        compiled.problems.append(Problem(str(self._path), line, dotted(where), text))

    def _plugin_problem(self, compiled: Compiled, plugin: str, text: Any) -> None:
        """A plugin's problem begins with where it is: `integrations.stripe.plan: ...`."""
        where, _, rest = str(text).partition(": ")
        if rest and " " not in where:
            self._problem(compiled, tuple(where.split(".")), rest)
        else:
            self._problem(compiled, (), f"plugin '{plugin}': {text}")


def _below(folder: Path, path: str | None) -> str | None:
    return None if path is None else str(folder / path)


def _hosts(config: Config) -> Hosts:
    names = list(config.server.hosts)
    for listen in (*config.server.listen, *(one.listen for one in config.integrations.values())):
        if listen is not None and not listen.is_unix:
            names.extend(host_of_listener(listen.host))
    return Hosts(names, config.integrations)


def _nobody(vault: Vault, routes: Mapping[str, ExchangeSend]) -> Integration:
    """Stands for the integration of a request that belongs to none, and answers what is below `/_outrider/`.

    The name is reserved.
    """
    name, base = "_outrider", BaseUrl.parse("http://outrider.invalid")
    section = IntegrationConfig(name=name, base_url=base)
    nobody = Integration(name, section, Target(name, section, base, None, vault))

    async def answered(exchange: Exchange) -> Response:
        route = routes.get(exchange.path.lstrip("/").partition("/")[0])
        if route is None:
            raise NotFound("there is nothing of this name below /_outrider/")
        return await route(exchange)

    nobody.send = answered
    return nobody
