"""The command line. Each command says what it did in words a person can act on; exit codes are 0, 1 and 2."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path

import click
from aiohttp.web import UrlDispatcher

from . import __version__
from .admin import add_routes
from .commands import compile_or_exit, config_option, connect, table_of
from .compile import Compiler
from .config import Listen, json_schema, load
from .errors import OutriderError, StartError
from .logs import configure
from .modes import mode_warnings, secret_files
from .registry import Registry, load_plugins
from .state import admin_of

PR_SET_DUMPABLE = 4


class _Commands(click.Group):
    """The commands by name; a plugin's cannot take the place of another one."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        name = name or cmd.name or ""
        if self.commands.get(name, cmd) is not cmd:
            raise StartError(f"there is a command '{name}' already; give its own another name")
        super().add_command(cmd, name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="outrider", message="%(prog)s %(version)s")
def cli() -> None:
    """Outrider: the sidecar for applications that call third-party APIs."""


@cli.command()
@config_option
@click.pass_obj
def run(registry: Registry, path: Path) -> None:
    """Serve until SIGTERM; reload on SIGHUP and when a file changes."""
    # Nobody else reads what this process writes, or a core of it: every key is in its memory.
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Heard once it serves. Until then a change of the file is seen without it, and it would kill.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _raise_open_files()
    configure()
    compiled = compile_or_exit(registry, path, aside=True)
    for note in compiled.notes:
        logging.getLogger("outrider").warning("%s", note)
    assert compiled.table is not None
    for warning in mode_warnings(path, secret_files(compiled.table)):
        logging.getLogger("outrider").warning("%s", warning)
    from .app import App

    # What was loaded stays for good; what a request makes is freed by its count of references. So the
    # collector has little to find, and each of its looks is time on the request path.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)

    async def serve() -> None:
        await App(path, registry, compiled).run(_announce)

    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(serve())


@cli.command()
@config_option
@click.option("--no-secrets", is_flag=True, help="Do not ask for the secrets.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of config.toml, for editors.")
@click.pass_obj
def check(registry: Registry, path: Path, no_secrets: bool, schema: bool) -> None:
    """List every problem of the configuration; exit code 2 if there is one."""
    if schema:
        click.echo(json.dumps(json_schema(registry.vocabulary), indent=2))
        return
    compiled = compile_or_exit(registry, path, secrets=not no_secrets)
    for note in compiled.notes:
        click.echo(str(note))
    assert compiled.table is not None
    add_routes(UrlDispatcher(), registry)
    for warning in mode_warnings(path, secret_files(compiled.table)):
        click.echo(f"{path}: note: {warning}")
    asleep = [name for name in compiled.names if name not in compiled.table.integrations]
    found = len(compiled.names)
    click.echo(f"{path}: no problems in {found} integration{'s' * (found != 1)}" + _sleepers(asleep))


@cli.command()
@config_option
@click.pass_obj
def show(registry: Registry, path: Path) -> None:
    """Print the compiled stack of each integration on one line."""
    table = table_of(registry, path)
    width = max((len(name) for name in table.integrations), default=0)
    for name, integration in table.integrations.items():
        click.echo(f"{name:{width}}  {integration.describe()}")


@cli.command()
@click.argument("method")
@click.argument("target", metavar="PATH")
@config_option
@click.pass_obj
def explain(registry: Registry, method: str, target: str, path: Path) -> None:
    """Say what would happen to a call: outrider explain POST /stripe/v1/charges."""
    from .explain import explain as lines_of

    table = table_of(registry, path)
    try:
        lines = lines_of(table, method.upper(), target)
    except OutriderError as error:
        raise StartError(error.detail) from None
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        click.echo(f"{label:{width}}  {text}")


@cli.command()
@config_option
@click.pass_obj
def plugins(registry: Registry, path: Path) -> None:
    """List the plugins that are installed, with versions, what each gives, and which integrations use it."""
    from rich.console import Console
    from rich.table import Table

    # Without a file, or with one that has problems, the list is of use all the same.
    compiled = Compiler(path, registry, secrets=False).compile().table
    integrations = list(compiled.integrations.values()) if compiled is not None else []
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("plugin", "version", "gives", "used by"):
        table.add_column(column)
    for plugin in registry.plugins.values():
        users = [one.name for one in integrations if registry.used_by(plugin.name, one)]
        used = "every integration" if len(users) == len(integrations) > 1 else ", ".join(users)
        if not users and "outrider_subscribe" in plugin.gives:
            used = "events of all"
        table.add_row(plugin.name, plugin.version, "; ".join(registry.given_by(plugin.name)), used or "-")
    for name, why in registry.failed.items():
        table.add_row(name, "-", f"did not load: {why}", "-")
    console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False)
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        click.echo(line.rstrip())


@cli.command()
@config_option
@click.pass_obj
def health(registry: Registry, path: Path) -> None:
    """Ask a running Outrider whether it is well: exit code 0 or 1. For a container's health check."""
    loaded = load(path, registry.vocabulary)
    admin = admin_of(loaded.config) if loaded.config is not None else Listen("127.0.0.1", 8081)
    try:
        with connect(admin) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            well = connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        well = False
    if not well:
        click.echo(f"outrider: the admin listener at {admin} does not answer", err=True)
        sys.exit(1)


def main() -> None:
    """Run the command line: a user's mistake ends in one line, never in a traceback."""
    try:
        registry = load_plugins()
        registry.spare("outrider_commands", cli=cli)
        for name, why in registry.failed.items():
            click.echo(f"outrider: plugin '{name}' did not load, and is left out: {why}", err=True)
        cli(obj=registry, prog_name="outrider")
    except StartError as error:
        for line in str(error).splitlines():
            click.echo(f"outrider: {line}", err=True)
        sys.exit(2)


def _announce(line: str) -> None:
    """Print a line; where nobody reads any more, it and those that follow go nowhere, and serving goes on."""
    try:
        click.echo(line)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _sleepers(names: list[str]) -> str:
    if not names:
        return ""
    drafts = "is a draft" if len(names) == 1 else "are drafts"
    return f"; {', '.join(names)} {drafts} without a secret, and not routed"


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # it is for CPython alone
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _raise_open_files() -> None:
    """Take as many file descriptors as the system lets us have: each call needs two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
