"""The program as it runs: listeners, reloads, signals, and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from . import __version__
from .admin import Admin
from .compile import Compiled, Compiler
from .connection import require_c_parser
from .errors import StartError
from .events import PluginRaised, Reloaded
from .listener import Listener
from .logs import REDACTOR
from .server import Server
from .state import StateDir, state_dir_of
from .tasks import spawn
from .tls import TlsFiles, listening_context
from .watch import watch

if TYPE_CHECKING:
    from .config import Config, Listen
    from .registry import Registry
    from .secrets import Vault
    from .table import Table

_log = logging.getLogger("outrider")


_Place: TypeAlias = "tuple[Listen, str]"


class App:
    """One running Outrider."""

    def __init__(self, path: Path, registry: Registry, compiled: Compiled) -> None:
        assert compiled.table is not None
        require_c_parser()
        self.version = __version__
        self.started = monotonic()
        self.registry = registry
        self.stamp = compiled.stamp
        """Of the file that was read at the start."""
        self.awaited: Vault | None = None
        """The secrets of a file that was refused: one that was missing may appear."""
        self._path = path
        self._ports: set[int] = set()
        for plugin in registry.failed:
            compiled.table.events.emit(PluginRaised(plugin))
        self.server = Server(compiled.table, registry)
        self.state = StateDir(state_dir_of(compiled.table.config))
        self.stop_by: float | None = None
        """Once it ends: the moment, by `monotonic`, until which what is under way may take."""
        self._tls = listening_context(compiled.table.config)
        self._listeners: dict[_Place, Listener] = {}
        self._admin_address = compiled.table.config.server.admin
        self._admin = Admin(self, self._admin_address, registry)
        self._reloading = asyncio.Lock()
        self._announce: Callable[[str], None]
        REDACTOR.know(compiled.table.vault.values())

    def __repr__(self) -> str:
        return f"<App {self._path}, {len(self._listeners)} listeners>"

    @property
    def table(self) -> Table:
        """The configuration that is in force."""
        return self.server.table

    @property
    def listeners(self) -> list[Listener]:
        """Where apps call."""
        return list(self._listeners.values())

    async def run(self, announce: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; tell `announce` each address once it accepts, a reload's too."""
        self._announce = announce
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        # Not by the loop, which leaves a moment at the end in which a signal has its default effect.
        does: dict[int, Callable[[], object]] = {
            signal.SIGTERM: stop.set,
            signal.SIGINT: stop.set,
            signal.SIGHUP: lambda: spawn(self.reload(), name="reload"),
        }
        for number in does:
            signal.signal(number, lambda number, _: loop.call_soon_threadsafe(does[number]))
        async with contextlib.AsyncExitStack() as stack:
            self.state.open()
            stack.callback(self.state.close)
            async with self._reloading:  # a reload opens listeners, too: not before all else is there
                for plugin, manager in self.registry.call("outrider_lifespan", app=self):
                    if manager is not None:
                        await stack.enter_async_context(_Lifespan(plugin, manager))
                await self._open_listeners(self.table.config)
                await self._admin.open()
            stack.push_async_callback(self._admin.close)
            self.state.tell(self._admin.url.removeprefix("http://"))
            for listener in self.listeners:
                announce(f"listening {listener.url}")
            announce(f"listening {self._admin.url}")
            watching = spawn(watch(self), name="watch")
            await stop.wait()
            watching.cancel()
            await self._drain()
        await self.table.close()
        # The end has begun: another signal must not turn the exit code into a death by signal.
        for number in does:
            signal.signal(number, signal.SIG_IGN)

    async def reload(self) -> bool:
        """Read the file again; a bad one leaves the old configuration in place and says why.

        Before the start is over it waits, and once the end has begun nothing changes.
        """
        async with self._reloading:
            compiler = Compiler(self._path, self.registry, own_ports=self._ports, before=self.table)
            compiled = await asyncio.to_thread(compiler.compile)
            if self.server.draining:
                return False
            new, old = compiled.table, self.table
            self.awaited = compiled.vault
            try:
                if new is None:
                    raise StartError("\n".join(str(problem) for problem in compiled.problems))
                if not compiled.loaded.text.strip():
                    # An editor that is not done yet, or a full disk: nobody stops everything in this way.
                    raise StartError(f"{self._path}:1: is empty; to run without integrations, restart")
                opened = await self._open_listeners(new.config)
            except StartError as error:
                for line in str(error).splitlines():
                    _log.error("the configuration was not reloaded: %s", line)
                old.events.emit(Reloaded(ok=False))
                return False
            REDACTOR.know({*old.vault.values(), *new.vault.values()})
            self.server.table, self.awaited = new, None
            await self._close_listeners(new.config)
            self._renew(new.config)
            self._warn_of_restart(old.config, new.config)
            new.events.emit(Reloaded(ok=True))
            _log.info("the configuration was reloaded: %s", ", ".join(new.integrations) or "no integrations")
            spawn(_retire(old), name="retire")
            for listener in opened:
                self._announce(f"listening {listener.url}")
            return True

    async def _open_listeners(self, config: Config) -> list[Listener]:
        """Open those that are not there yet, and give them."""
        opened = []
        try:
            for place, integration in _places(config).items():
                if place not in self._listeners:
                    at = place[0]
                    for other, _ in self._listeners:
                        if at.collides(other):
                            raise StartError(
                                f"{at}: {other} of this Outrider is in its way; restart for that"
                            )
                    listener = Listener(at, self.server, integration, tls=self._tls)
                    await listener.open()
                    opened.append(place)
                    self._listeners[place] = listener
                    self._ports.add(listener.port)
        except StartError:
            for place in opened:
                listener = self._listeners.pop(place)
                self._ports.discard(listener.port)
                listener.close()
            raise
        return [self._listeners[place] for place in opened]

    async def _close_listeners(self, config: Config) -> None:
        wanted = _places(config)
        for place, integration in wanted.items():
            self._listeners[place].integration = integration
        for place in [place for place in self._listeners if place not in wanted]:
            listener = self._listeners.pop(place)
            self._ports.discard(listener.port)
            listener.close()
            listener.drain()

    def _renew(self, config: Config) -> None:
        """Apply to the listeners that stay open what may have changed."""
        for listener in self.listeners:
            listener.admit_users()
            listener.heads.forget()
        if self._tls is not None:
            try:
                listening_context(config, self._tls)
            except TlsFiles as files:  # it could be used a moment ago, when the configuration was checked
                _log.error("the listeners keep their certificate: %s", files)

    def _warn_of_restart(self, old: Config, new: Config) -> None:
        for key in ("admin", "state_dir", "token_dir"):
            if getattr(old.server, key) != getattr(new.server, key):
                _log.warning("server.%s has changed; that needs a restart", key)
        if (old.server.tls is None) is not (new.server.tls is None):
            _log.warning("server.tls was added or taken away; that needs a restart")

    async def _drain(self) -> None:
        """Take nothing new, let what is under way end within the grace time, then cut it off."""
        self.server.draining = True
        grace_s = self.table.config.server.grace
        self.stop_by = monotonic() + grace_s
        for listener in self.listeners:
            listener.close()
            listener.drain()
        try:
            await asyncio.wait_for(self.server.wait_empty(), grace_s)
        except TimeoutError:
            _log.warning("requests were still under way after %g s (server.grace) and were cut off", grace_s)
            for listener in self.listeners:
                listener.abort()
            await asyncio.sleep(0)


class _Lifespan:
    """The time of one plugin around serving: its beginning may refuse the start, its end cannot."""

    def __init__(self, plugin: str, manager: contextlib.AbstractAsyncContextManager[Any]) -> None:
        self._plugin = plugin
        self._manager = manager

    async def __aenter__(self) -> None:
        try:
            await self._manager.__aenter__()
        except StartError:
            raise
        except Exception as error:
            raise StartError(
                f"plugin '{self._plugin}': outrider_lifespan raised {type(error).__name__}: {error}"
            ) from error

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._manager.__aexit__(*raised)
        except StartError:
            raise
        except Exception:  # noqa: BLE001 - whatever a plugin raises must not keep the others from ending
            _log.exception("plugin '%s': the end of its outrider_lifespan raised", self._plugin)


def _places(config: Config) -> dict[_Place, str]:
    """Give each address, with the integration that it belongs to, "" for the server's."""
    wanted = [(at, "", f"#{index}") for index, at in enumerate(config.server.listen)]
    for name, one in config.integrations.items():
        if one.listen is not None:
            wanted.append((one.listen, name, name))
    # An address stays open when it changes hands; a port 0 is another one each time.
    return {(at, "" if at.is_unix or at.port else who): name for at, name, who in wanted}


async def _retire(table: Table) -> None:
    """Close the pools of a table when its last exchange has ended."""
    while table.in_flight:  # noqa: ASYNC110 - asked once a second, instead of told for every request
        await asyncio.sleep(1)
    await table.close()
