"""The plugins that are installed, and what they give.

The built-in ones come first, then those of the entry-point group `outrider`. Each mistake of a
plugin is a StartError that names it: the person who reads it installed it, and did not write it.
One that only fails to load is left out, named, and takes nobody down with it; where the configuration
needs what it gives, that is a problem as if it were not installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from . import hookspecs
from .auth import AuthType
from .config import Options, Vocabulary
from .errors import StartError
from .hookspecs import API_VERSION, PROJECT
from .provider import Provider
from .provider_check import check_provider

if TYPE_CHECKING:
    from .integration import Integration
    from .layers import ExchangeSend

GROUP = "outrider"


class Clash(StartError):
    """Two plugins give the same name: which of them is meant, nobody can tell."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One registered plugin."""

    name: str
    version: str
    module: ModuleType
    builtin: bool
    gives: tuple[str, ...] = field(default=())


class Registry:
    """What the plugins give, asked once."""

    def __init__(
        self, modules: Iterable[tuple[str, str, ModuleType, bool]], failed: Mapping[str, str] | None = None
    ) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.plugins: dict[str, Plugin] = {}
        self.failed: dict[str, str] = dict(failed or {})
        """Plugins that did not load, and why."""
        for name, version, module, builtin in modules:
            self._register(name, version, module, builtin)
        self.providers: dict[str, type[Provider]] = {}
        self.auth_types: dict[str, type[AuthType]] = {}
        self.tables: dict[str, type[Options]] = {}
        self.routes: dict[str, ExchangeSend] = {}
        """What answers below `/_outrider/`, by the first segment."""
        self._owners: dict[tuple[str, str], str] = {}
        for name in list(self.plugins):
            try:
                self._take(name)
            except Clash:
                raise
            except StartError as error:
                self._leave_out(name, error)

    def _take(self, plugin: str) -> None:
        """Take the providers, auth types, tables and routes of a plugin. StartError for one that is none."""
        if self._implements(plugin, "outrider_providers"):
            for provider in self._listed(plugin, "outrider_providers", {}):
                self._claim(plugin, "provider", _provider_name(plugin, provider), provider, self.providers)
                check_provider(plugin, provider)
        for kind, hook, into in (
            ("auth type", "outrider_auth_types", self.auth_types),
            ("table", "outrider_tables", self.tables),
        ):
            given = self._given(plugin, hook) if self._implements(plugin, hook) else {}
            for name, thing in given.items():
                self._claim(plugin, kind, name, thing, into)
        if self._implements(plugin, "outrider_proxy_routes"):
            for name, route in self._given(plugin, "outrider_proxy_routes").items():
                self._own(plugin, "route", name, self.routes)
                self.routes[name] = route

    def _leave_out(self, plugin: str, error: StartError) -> None:
        """Go on without a plugin that did not load; raises for one of our own."""
        if self.plugins[plugin].builtin:
            raise error
        self.failed[plugin] = str(error).removeprefix(f"plugin '{plugin}': ")
        self._manager.unregister(name=plugin)
        del self.plugins[plugin]
        things: Mapping[str, dict[str, Any]] = {
            "provider": self.providers,
            "auth type": self.auth_types,
            "table": self.tables,
            "route": self.routes,
        }
        for (kind, name), owner in list(self._owners.items()):
            if owner == plugin:
                del self._owners[kind, name]
                things[kind].pop(name, None)

    @property
    def vocabulary(self) -> Vocabulary:
        """The names that `config.toml` may use because of the plugins."""
        return Vocabulary(providers=self.providers, auth_types=self.auth_types, tables=self.tables)

    def call(self, hook: str, **arguments: Any) -> Iterable[tuple[str, Any]]:
        """Call a hook of every plugin that has it: its name and what it gives. StartError if one raises."""
        for name in self.plugins:
            if self._implements(name, hook):
                yield name, self._call_one(name, hook, arguments)

    def each(self, hook: str, **arguments: Any) -> Iterable[tuple[str, Any]]:
        """Call a hook that gives several things; nothing is the same as None."""
        for name in self.plugins:
            if self._implements(name, hook):
                for thing in self._listed(name, hook, arguments):
                    yield name, thing

    def spare(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every plugin that has it; one of others that raises is left out from then on."""
        for name in list(self.plugins):
            if self._implements(name, hook):
                try:
                    self._call_one(name, hook, arguments)
                except StartError as error:
                    self._leave_out(name, error)

    def given_by(self, plugin: str) -> list[str]:
        """Say what a plugin gives: providers, auth types, tables and routes by name, its other hooks."""
        names: dict[str, list[str]] = {}
        for (kind, name), owner in self._owners.items():
            if owner == plugin:
                names.setdefault(kind, []).append(name)
        named = [f"{kind}{'s' * (len(each) > 1)} {', '.join(each)}" for kind, each in names.items()]
        kinds = ("outrider_providers", "outrider_auth_types", "outrider_tables", "outrider_proxy_routes")
        return named + [
            hook.removeprefix("outrider_") for hook in self.plugins[plugin].gives if hook not in kinds
        ]

    def used_by(self, plugin: str, integration: Integration) -> bool:
        """Whether an integration has anything of a plugin: its provider, auth type, a table, or a layer."""
        config = integration.config
        named = [("provider", config.provider), ("auth type", config.auth_type)]
        named += [("table", table) for table in config.tables]
        layers = (*integration.stack, *integration.target.stack)
        return any(self._owners.get((kind, name or "")) == plugin for kind, name in named) or any(
            placed.plugin == plugin for placed in layers
        )

    def owner(self, kind: str, name: str) -> str:
        """Give the plugin that a provider, auth type or table came from."""
        return self._owners[kind, name]

    def plugin_of(self, module: str) -> str | None:
        """Give the plugin whose code `module` is: its own module, or one of its package."""
        for plugin in self.plugins.values():
            root = plugin.module.__name__
            if module == root or module.startswith(root + "."):
                return plugin.name
        return None

    def _given(self, plugin: str, hook: str) -> Mapping[str, Any]:
        given = self._call_one(plugin, hook, {})
        if not isinstance(given, Mapping):
            raise StartError(f"plugin '{plugin}': {hook} gives {type(given).__name__}; give a dict by name")
        return given

    def _claim(self, plugin: str, kind: str, name: str, thing: Any, into: dict[str, Any]) -> None:
        self._own(plugin, kind, name, into)
        base = {"provider": Provider, "auth type": AuthType, "table": Options}[kind]
        if not (isinstance(thing, type) and issubclass(thing, base)):
            raise StartError(f"plugin '{plugin}': the {kind} '{name}' is not a subclass of {base.__name__}")
        into[name] = thing

    def _own(self, plugin: str, kind: str, name: str, into: Mapping[str, Any]) -> None:
        if name in into:
            raise Clash(f"plugins '{self.owner(kind, name)}' and '{plugin}' both give the {kind} '{name}'")
        self._owners[kind, name] = plugin

    def _register(self, name: str, version: str, module: ModuleType, builtin: bool) -> None:
        if name in self.plugins:
            raise StartError(f"two plugins are called '{name}'; uninstall one of them")
        wanted = getattr(module, "OUTRIDER_API", API_VERSION)
        if not isinstance(wanted, int):
            raise StartError(f"plugin '{name}': OUTRIDER_API must be a number, e.g. {API_VERSION}")
        if wanted > API_VERSION:
            raise StartError(
                f"plugin '{name}' needs version {wanted} of the plugin interface, this Outrider has "
                f"{API_VERSION}; upgrade outrider, or install an older {name}"
            )
        hooks = [
            name for name, thing in vars(module).items() if name.startswith("outrider_") and callable(thing)
        ]
        known = [spec for spec in vars(hookspecs) if spec.startswith("outrider_")]
        for hook in hooks:
            if hook not in known:
                near = _nearest(hook, known)
                raise StartError(f"plugin '{name}': there is no hook '{hook}'{near}")
        for hook in hooks:
            gives = set(inspect.signature(getattr(hookspecs, hook)).parameters)
            for argument in inspect.signature(getattr(module, hook)).parameters:
                if argument not in gives:
                    has = f"; it gives {', '.join(sorted(gives))}" if gives else "; it gives nothing"
                    raise StartError(f"plugin '{name}': {hook} takes '{argument}'{has}")
        try:
            self._manager.register(module, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise StartError(f"plugin '{name}': {_first_line(error)}") from error
        marked = tuple(hook for hook in hooks if self._implements_module(module, hook))
        for hook in hooks:
            if hook not in marked:
                raise StartError(f"plugin '{name}': {hook} is not marked; write @hookimpl above it")
        self.plugins[name] = Plugin(name, version, module, builtin, marked)

    def _implements(self, name: str, hook: str) -> bool:
        return hook in self.plugins[name].gives

    def _implements_module(self, module: ModuleType, hook: str) -> bool:
        return any(impl.plugin is module for impl in getattr(self._manager.hook, hook).get_hookimpls())

    def _listed(self, name: str, hook: str, arguments: dict[str, Any]) -> list[Any]:
        """Call a hook that gives several things; one that is a generator raises only here."""
        given = self._call_one(name, hook, arguments)
        if given is None:
            return []
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise StartError(f"plugin '{name}': {hook} gives {type(given).__name__}; give a list")
        try:
            return list(given)
        except StartError:
            raise
        except Exception as error:
            raise _raised(name, hook, error) from error

    def _call_one(self, name: str, hook: str, arguments: dict[str, Any]) -> Any:
        function = getattr(self.plugins[name].module, hook)
        wanted = inspect.signature(function).parameters
        try:
            return function(**{key: value for key, value in arguments.items() if key in wanted})
        except StartError:
            raise
        except Exception as error:
            raise _raised(name, hook, error) from error


def load_plugins() -> Registry:
    """Import and register every plugin: the built-in ones, then those that pip installed."""
    from outrider_plugins import BUILTIN

    from . import __version__

    modules: list[tuple[str, str, ModuleType, bool]] = [
        (path.rpartition(".")[2], __version__, import_module(path), True) for path in BUILTIN
    ]
    failed: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            module = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the import of somebody's code raises
            failed[entry.name] = f"importing it raised {type(error).__name__}: {_first_line(error)}"
            continue
        if not isinstance(module, ModuleType):
            raise StartError(
                f"plugin '{entry.name}': {entry.value} is not a module; point the entry point at one"
            )
        modules.append((entry.name, _version(entry), module, False))
    return Registry(modules, failed)


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist is not None else "unknown"


def _provider_name(plugin: str, provider: Any) -> str:
    name = getattr(provider, "name", "")
    if not isinstance(name, str) or not name:
        raise StartError(f"plugin '{plugin}': a provider has no name; set `name = \"...\"` in its class")
    return name


def _raised(plugin: str, hook: str, error: Exception) -> StartError:
    return StartError(f"plugin '{plugin}': {hook} raised {type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(known))}"
