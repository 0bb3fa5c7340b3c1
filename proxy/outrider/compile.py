"""Compile a configuration and the plugins into a Table. All that can be decided at load is decided here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from .clients import Client, Clients
from .config import BaseUrl, IntegrationConfig, Problem, base_url_of, dotted, load, secret_refs
from .errors import AttemptFailed, OutriderError, Rubbish, StartError, TooSlow, Unavailable
from .events import AttemptDone, Events, tell
from .exchange import Attempt, Exchange
from .gate import Hosts, host_of_listener
from .integration import Integration, Target
from .layers import OUTER, Layer, Placed, Stage, arrange, compose
from .provider import LocalProvider, Provider
from .query import without_parameters
from .registry import Registry
from .secrets import SecretMissing, Vault
from .table import Table
from .transport import Upstream, tls_context

if TYPE_CHECKING:
    from .config import Config, Loaded
    from .layers import AttemptSend, ExchangeSend
    from .response import Response

_CLASSES = ("", "", "2xx", "3xx", "4xx", "5xx")


@dataclass
class Compiled:
    """What came of reading a file: a table, or the problems that stand against it."""

    loaded: Loaded
    table: Table | None = None
    problems: list[Problem] = field(default_factory=list)

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
        self, path: Path, registry: Registry, *, secrets: bool = True, own_ports: Collection[int] = ()
    ) -> None:
        self._path = path
        self._registry = registry
        self._secrets = secrets
        self._own_ports = own_ports

    def compile(self) -> Compiled:
        """Read, check and compile: every problem at once."""
        loaded = load(self._path, self._registry.vocabulary)
        compiled = Compiled(loaded, problems=list(loaded.problems))
        if loaded.config is not None:
            try:
                self._compile(loaded.config, compiled)
            except StartError as error:
                self._problem(compiled, (), str(error))
        return compiled

    def _compile(self, config: Config, compiled: Compiled) -> None:
        vault = Vault(self._path.parent, absent=not self._secrets)
        events = Events()
        integrations: dict[str, Integration] = {}
        closers = []
        for table, options in (
            ("server", config.server),
            *((f"clients.{n}", client) for n, client in config.clients.items()),
        ):
            for where, text in self._missing(tuple(table.split(".", 1)), options, vault):
                self._problem(compiled, where, text)
        for plugin, text in self._registry.each("outrider_check", config=config):
            self._plugin_problem(compiled, plugin, text)
        for _ in self._registry.call("outrider_subscribe", events=events, config=config):
            pass
        for name, section in config.integrations.items():
            missing = self._missing(("integrations", name), section, vault)
            if missing:
                # A draft sleeps until its secret is set; for any other it is a problem.
                for where, text in missing if section.status != "draft" else ():
                    self._problem(compiled, where, text)
                continue
            try:
                integration, upstream = self._integration(name, section, vault, events)
            except StartError as error:
                self._problem(compiled, ("integrations", name), str(error))
                continue
            integrations[name] = integration
            if upstream is not None:
                closers.append(upstream.close)
        if compiled.problems:
            compiled.problems.sort(key=lambda problem: problem.line)
            return
        compiled.table = Table(
            path=self._path,
            config=config,
            integrations=integrations,
            nobody=_nobody(vault),
            hosts=_hosts(config),
            clients=self._clients(config, vault),
            events=events,
            vault=vault,
            closers=closers,
        )

    def _integration(
        self, name: str, section: IntegrationConfig, vault: Vault, events: Events
    ) -> tuple[Integration, Upstream | None]:
        provider = self._registry.providers[section.provider]() if section.provider is not None else None
        base = base_url_of(section, self._registry.vocabulary)
        assert base is not None, "checked at load"
        target = Target(name, section, base, provider, vault)
        integration = Integration(name, section, target)
        outer = self._layers("outrider_integration_layers", name, integration=integration)
        inner = self._layers("outrider_target_layers", name, target=target)
        for placed in (*outer, *inner):
            if (placed in outer) != (placed.layer.stage in OUTER):
                hook = "outrider_integration_layers" if placed in outer else "outrider_target_layers"
                raise StartError(
                    f"plugin '{placed.plugin}': Stage.{placed.layer.stage.name} is not for {hook}"
                )
        innermost: AttemptSend
        upstream: Upstream | None = None
        if section.auth_pending:
            innermost = _without_credential(section.auth_type or "")
        elif isinstance(provider, LocalProvider):
            innermost = _timed(provider.serve)
        else:
            tls = section.tls
            context = (
                tls_context(*(_below(self._path.parent, p) for p in (tls.ca, tls.cert, tls.key)))
                if tls
                else None
            )
            upstream = Upstream(target, tls=context, own_ports=self._own_ports)
            innermost = upstream.send
        send = compose([placed for placed in inner if placed.layer.stage > Stage.RETRY], innermost)
        carried: ExchangeSend = _attempts(target, send, events)
        carried = compose([placed for placed in inner if placed.layer.stage == Stage.RETRY], carried)
        if provider is not None and type(provider).prepare is not Provider.prepare:
            carried = _prepared(provider, carried)
        integration.keeps_body = any(placed.layer.keeps_body for placed in (*outer, *inner))
        if integration.keeps_body:
            carried = _keeping(carried)
        integration.stack = tuple(outer)
        integration.target_stack = tuple(inner)
        integration.send = compose(outer, carried)
        return integration, upstream

    def _layers(self, hook: str, owner: str, **arguments: Any) -> list[Placed[Any]]:
        placed = []
        for plugin, layer in self._registry.each(hook, **arguments):
            if not isinstance(layer, Layer):
                raise StartError(
                    f"plugin '{plugin}': {hook} gives {type(layer).__name__}; give outrider.plugin.Layer"
                )
            placed.append(Placed(plugin, layer))
        return arrange(placed, owner=f"integration '{owner}'")

    def _clients(self, config: Config, vault: Vault) -> Clients | None:
        if not config.clients:
            return None
        return Clients(
            [
                Client(
                    name,
                    vault.get(one.token),
                    None if one.integrations is None else frozenset(one.integrations),
                )
                for name, one in config.clients.items()
            ]
        )

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


def _nobody(vault: Vault) -> Integration:
    """Stands for the integration of a request that belongs to none; the name is reserved."""
    name, base = "_outrider", BaseUrl.parse("http://outrider.invalid")
    section = IntegrationConfig(name=name, base_url=base)
    return Integration(name, section, Target(name, section, base, None, vault))


def _attempts(target: Target, send: AttemptSend, events: Events) -> ExchangeSend:
    """Give the step that makes a fresh Attempt of an Exchange, and tells its end exactly once."""
    strip = target.credential_query
    done = events.of(AttemptDone)

    async def attempted(exchange: Exchange) -> Response:
        attempt = Attempt(exchange, target)
        if strip and "?" in attempt.target:
            attempt.target = without_parameters(attempt.target, strip)
        before = exchange.upstream_s
        result = "failed"
        try:
            response = await send(attempt)
            result = _CLASSES[response.status // 100]
            return response
        except asyncio.CancelledError:
            result = "cancelled"
            raise
        except OutriderError as error:
            result = _result(error)
            raise
        finally:
            tell(events, done, AttemptDone(attempt, result, exchange.upstream_s - before))

    return attempted


def _result(error: OutriderError) -> str:
    if isinstance(error, TooSlow):
        return "timeout"
    if isinstance(error, Rubbish):
        return "rubbish"
    return "unreachable" if isinstance(error, AttemptFailed) else "refused"


def _prepared(provider: Provider, send: ExchangeSend) -> ExchangeSend:
    async def prepared(exchange: Exchange) -> Response:
        provider.prepare(exchange)
        return await send(exchange)

    return prepared


def _keeping(send: ExchangeSend) -> ExchangeSend:
    async def keeping(exchange: Exchange) -> Response:
        exchange.body.keep()
        return await send(exchange)

    return keeping


def _timed(serve: AttemptSend) -> AttemptSend:
    async def served(attempt: Attempt) -> Response:
        started = monotonic()
        try:
            return await serve(attempt)
        finally:
            attempt.exchange.upstream_s += monotonic() - started

    return served


def _without_credential(auth_type: str) -> AttemptSend:
    async def refused(attempt: Attempt) -> Response:
        raise Unavailable(
            f"no plugin carries auth type '{auth_type}', so there is no credential to put on",
            retry_after_s=60,
        )

    return refused
