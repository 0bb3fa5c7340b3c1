"""The commands: `outrider jobs list`, `show`, `retry`, `cancel` and `purge`; without one of them, `list`.

They ask the running Outrider: two processes in one database would be one too many.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from outrider.commands import Running, config_option
from outrider.errors import StartError
from outrider.logs import escaped
from outrider.registry import Registry

from .job import STATES

# rich is imported where it prints: what serves need not hold its two megabytes.

_integration = click.option("--integration", default="", help="Only jobs of this integration.")
_state = click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
_DONE = {"retry": "queued anew", "cancel": "cancelled", "purge": "purged"}


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def jobs(context: click.Context, path: Path) -> None:
    """Look at the jobs of the running Outrider, and change them; list them unless told otherwise."""
    context.default_map = {name: {"path": path} for name in jobs.commands}
    if context.invoked_subcommand is None:
        context.invoke(list_, path=path)


@jobs.command("list")
@config_option
@_integration
@_state
@click.option("--limit", default=50, show_default=True, help="How many, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.pass_obj
def list_(
    registry: Registry, path: Path, integration: str, state: str | None, limit: int, as_json: bool
) -> None:
    """List jobs, the newest first."""
    query = urlencode({"integration": integration, "state": state or "", "limit": limit})
    told = _asked(Running.of(registry, path), "GET", f"/api/jobs?{query}")
    if as_json:
        for one in told["jobs"]:
            click.echo(json.dumps(one))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "state", "integration", "call", "attempts", "created", "reason"):
        table.add_column(column)
    for one in told["jobs"]:
        call = escaped(f"{one['method']} {one['path']}")
        created = one["created"][:19] + "Z"
        cells = (one["id"], one["state"], one["integration"], call, str(one["attempts"]), created)
        table.add_row(*cells, escaped(one["reason"]))
    Console(width=None if sys.stdout.isatty() else 1000, highlight=False, markup=False).print(table)
    for name, states in told["counts"].items():
        said = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        paused = f"; paused: {escaped(told['paused'][name])}" if name in told["paused"] else ""
        click.echo(f"{name}: {said}{paused}")


@jobs.command()
@click.argument("id")
@config_option
@click.pass_obj
def show(registry: Registry, id: str, path: Path) -> None:
    """Show all of one job, each attempt with its time, status and reason."""
    told = _asked(Running.of(registry, path), "GET", f"/api/jobs/{quote(id, safe='')}")
    history, response = told.pop("history"), told.pop("response")
    width = max(map(len, told))
    for name, value in told.items():
        click.echo(f"{name:{width}}  {escaped(str(value)) if value is not None else '–'}")
    for number, one in enumerate(history, 1):
        status = one["status"] or "no response"
        click.echo(
            f"{f'attempt {number}':{width}}  {one['time']}  {status}  {escaped(one['reason'])}".rstrip()
        )
    click.echo(f"{'response':{width}}  {response['status'] if response is not None else '–'}")


def _change(what: str, registry: Registry, path: Path, ids: tuple[str, ...], filters: dict[str, str]) -> None:
    running = Running.of(registry, path, timeout_s=60.0)
    if ids:
        changed = 0
        for id in ids:
            told = _asked(running, "POST", f"/api/jobs/{quote(id, safe='')}/{what}")
            changed += told["changed"]
            if not told["changed"]:
                click.echo(f"job {id} is {told['state']}: it cannot be {_DONE[what]}", err=True)
        click.echo(f"{changed} {_DONE[what]}")
        if changed < len(ids):
            sys.exit(1)
        return
    target = f"/api/jobs/{what}?{urlencode(filters)}"
    total = 0
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(_DONE[what]), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        while True:
            told = _asked(running, "POST", target)
            total += told["changed"]
            progress.update(task, completed=total, total=total + told["left"])
            if not told["changed"] or not told["left"]:
                break
    click.echo(f"{total} {_DONE[what]}")


@jobs.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Every failed job.")
@_integration
@config_option
@click.pass_obj
def retry(registry: Registry, ids: tuple[str, ...], everything: bool, integration: str, path: Path) -> None:
    """Queue failed or cancelled jobs anew: those named, or all failed ones."""
    _need(ids, everything, integration)
    _change("retry", registry, path, ids, {"integration": integration})


@jobs.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Every job that waits.")
@_integration
@config_option
@click.pass_obj
def cancel(registry: Registry, ids: tuple[str, ...], everything: bool, integration: str, path: Path) -> None:
    """Cancel jobs that wait: those named, or all."""
    _need(ids, everything, integration)
    _change("cancel", registry, path, ids, {"integration": integration})


@jobs.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Every job that has ended.")
@click.option("--state", type=click.Choice(("failed", "done", "cancelled")), help="Only jobs in this state.")
@_integration
@config_option
@click.pass_obj
def purge(
    registry: Registry,
    ids: tuple[str, ...],
    everything: bool,
    state: str | None,
    integration: str,
    path: Path,
) -> None:
    """Forget jobs that have ended: those named, or all."""
    _need(ids, everything, integration or state or "")
    _change("purge", registry, path, ids, {"integration": integration, "state": state or ""})


def _need(ids: tuple[str, ...], everything: bool, filter: str) -> None:
    if not ids and not everything and not filter:
        raise click.UsageError("name jobs by their ids, or say --all or --integration NAME")


def _asked(running: Running, method: str, target: str) -> dict[str, Any]:
    with running.ask(method, target) as response:
        if response.status == 404:
            raise StartError("there is no such job")
        told: dict[str, Any] = json.load(response)
        return told
