"""Doctor: `outrider doctor` asks each provider for real, once, and says what to do about what is wrong.

It sends one cheap call that reads, which the provider's plugin names (`probe`), with the credential put on as
for any call; without one a HEAD of the base URL, which tells nothing of the credential.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outrider.commands import compile_or_exit, config_option
from outrider.config import secret_refs
from outrider.errors import StartError
from outrider.plugin import hookimpl
from outrider.registry import Registry

if TYPE_CHECKING:
    from outrider.table import Table

    from .checks import Finding


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider doctor`."""
    cli.add_command(doctor)


@click.command()
@click.argument("names", nargs=-1, metavar="[INTEGRATION]...")
@config_option
@click.pass_obj
def doctor(registry: Registry, names: tuple[str, ...], path: Path) -> None:
    """Ask each provider for real: DNS, TLS, credential, clock, limits, status page.

    Exit code 1 if anything fails, with what to do about it.
    """
    compiled = compile_or_exit(registry, path)
    assert compiled.table is not None
    for name in names:
        if name not in compiled.names:
            raise StartError(f"there is no integration '{name}'; there are {', '.join(compiled.names)}")
    chosen = names or tuple(compiled.names)
    found = asyncio.run(_examine(compiled.table, chosen))
    _print(found)
    failed = sum(one.verdict == "fail" for one in found)
    if failed:
        click.echo(f"{failed} of {len(found)} checks failed")
        sys.exit(1)


async def _examine(table: Table, names: Iterable[str]) -> list[Finding]:
    from .checks import Finding, examine

    async def one(name: str) -> list[Finding]:
        integration = table.integrations.get(name)
        if integration is None:
            refs = ", ".join(str(ref) for _, ref in secret_refs(table.config.integrations[name]))
            return [Finding(name, "secret", "warn", "a draft without its secret, not routed", f"give {refs}")]
        return [finding async for finding in examine(integration, table.path.parent)]

    try:
        found = await asyncio.gather(*(one(name) for name in names))
    finally:
        await table.close()
    return [finding for several in found for finding in several]


def _print(found: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table as Rows
    from rich.text import Text

    rows = Rows(box=None, pad_edge=False, header_style="bold")
    for column in ("integration", "check", "", "what was seen, and what to do"):
        rows.add_column(column, overflow="fold")
    colours = {"ok": "green", "warn": "yellow", "fail": "red", "-": "dim"}
    before = ""
    for one in found:
        seen = Text(one.seen)
        if one.remedy:
            seen.append(f"\n→ {one.remedy}", style="bold")
        name = one.integration if one.integration != before else ""
        rows.add_row(name, one.check, Text(one.verdict, colours[one.verdict]), seen)
        before = one.integration
    console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False, soft_wrap=False)
    with console.capture() as printed:
        console.print(rows)
    for line in printed.get().splitlines():
        click.echo(line.rstrip())
