"""The commands: `outrider why`, `tail` and `top`."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from outrider.commands import Running, config_option
from outrider.config import did_you_mean
from outrider.errors import StartError
from outrider.logs import escaped
from outrider.registry import Registry

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

# rich is imported where it prints: what serves need not hold its two megabytes.

#: Jobs that are not over.
_WAITING = ("queued", "sending", "parked")
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)|")


@click.command()
@click.argument("id")
@config_option
@click.option("--log", type=click.Path(path_type=Path), help="Look in this log (JSON lines), not in memory.")
@click.pass_obj
def why(registry: Registry, id: str, path: Path, log: Path | None) -> None:
    """Say what happened to one call, by its Outrider-Id; exit code 1 if it is not known."""
    if log is not None:
        call = _logged(log, id)
    else:
        with Running.of(registry, path).get(f"/api/why/{quote(id, safe='')}") as response:
            call = json.load(response) if response.status == 200 else None
    if call is None:
        click.echo(f"no call {id} is remembered; an older one may be in the log: --log FILE")
        sys.exit(1)
    for line in story(call):
        click.echo(line)


def story(call: dict[str, Any]) -> Iterator[str]:
    """Tell a call in lines."""
    who = f" by client {call['client']}" if call.get("client") else ""
    yield escaped(f"{call['method'] or '-'} {call['path'] or '-'} of {call['integration']}{who}")
    yield f"{'':>10}  {call.get('at', '')} {call['id']}".rstrip()
    for step in call.get("steps") or ():
        yield f"{step['after_ms']:>7g} ms  {escaped(step['text'])}"
    status = "the application left" if not call["status"] else f"answered {call['status']}"
    attempts = call["attempts"]
    tries = "no attempt" if not attempts else "1 attempt" if attempts == 1 else f"{attempts} attempts"
    broken = ", its body broken off" if call.get("broken") else ""
    yield f"{call['ms']:>7g} ms  {status}{broken}, {tries}"
    parts = [("the provider", "provider_ms"), ("waiting on purpose", "wait_ms"), ("Outrider", "overhead_ms")]
    times = [f"{name} {call[key]:g} ms" for name, key in parts if call.get(key) is not None]
    yield f"{'':>10}  of that up to the head: {', '.join(times)}"


def _logged(log: Path, id: str) -> dict[str, Any] | None:
    """Find the access log's line of a call."""
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if id in line:
                    try:
                        found = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(found, dict) and found.get("id") == id and "attempts" in found:
                        return {"at": found.get("time", ""), **found}
    except OSError as error:
        raise StartError(f"{log} cannot be read: {(error.strerror or '').lower()}") from None
    return None


@click.command()
@config_option
@click.option("--integration", default="", help="Only calls of this integration.")
@click.option("--status", default="", help="Only calls with this status: 503, or 5xx.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.pass_obj
def tail(registry: Registry, path: Path, integration: str, status: str, as_json: bool) -> None:
    """Follow the calls as they end, until Ctrl-C."""
    from rich.console import Console

    if not _STATUS.fullmatch(status := status.lower()):
        raise StartError(f"--status {status!r}: must be a status or a class of them, e.g. 503 or 5xx")
    running = Running.of(registry, path, timeout_s=10.0)
    if integration and integration not in running.integrations:
        known = running.integrations
        hint = did_you_mean(integration, known) or f"; there are {', '.join(known)}"
        raise StartError(f"--integration {integration!r}: there is no such integration{hint}")
    query = urlencode({"integration": integration, "status": status})
    console = Console(highlight=False, soft_wrap=True)
    # The stream has a pulse each second: ten without one mean that nobody is there.
    with running.get(f"/api/tail?{query}") as response:
        try:
            for line in response:
                if not line.strip():
                    continue
                if as_json:
                    click.echo(line.decode().strip())
                else:
                    console.print(line_of(json.loads(line)))
        except KeyboardInterrupt:
            return
        except OSError:
            raise StartError("Outrider does not answer any more") from None


def line_of(call: dict[str, Any]) -> Text:
    """Make one line of a call, in colours where there are some."""
    from rich.text import Text

    if "left_out" in call:
        return Text(f"... {call['left_out']} calls came too fast to be shown", "yellow")
    status = call["status"]
    colour = "red" if status >= 500 or not status else "yellow" if status >= 400 else "green"
    line = Text()  # a style of its own would lie below all that follow
    line.append(call["at"][11:23] + " ", "dim")
    line.append(f"{status or 'left':>4} ", colour)
    line.append(f"{call['integration']} ", "bold")
    line.append(escaped(f"{call['method'] or '-'} {call['path'] or '-'} "))
    line.append(f"{call['ms']:g} ms", "cyan")
    if call["attempts"] > 1:
        line.append(f" {call['attempts']} attempts", "yellow")
    if call["wait_ms"]:
        line.append(f" waited {call['wait_ms']:g} ms", "yellow")
    if call["broken"]:
        line.append(" broken", "red")
    line.append(f" {call['id']}", "dim")
    return line


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Print the table once. So it is, too, where no terminal is.")
@click.pass_obj
def top(registry: Registry, path: Path, once: bool) -> None:
    """Show a live table of the traffic: rates, errors, times, limits, breakers, jobs."""
    from rich.console import Console
    from rich.live import Live

    running = Running.of(registry, path)
    console = Console()
    if once or not console.is_terminal:
        Console(width=None if console.is_terminal else 120).print(table(*_told(running)))
        return
    try:
        with Live(table(*_told(running)), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(1)
                live.update(table(*_told(running)), refresh=True)
    except KeyboardInterrupt:
        return


def _told(running: Running) -> tuple[dict[str, Any], dict[str, int]]:
    with running.get("/api/top") as response:
        told: dict[str, Any] = json.load(response)
    with running.get("/api/jobs?limit=1") as response:
        counts = json.load(response)["counts"]
    return told, {name: sum(states.get(one, 0) for one in _WAITING) for name, states in counts.items()}


def table(told: dict[str, Any], jobs: dict[str, int]) -> Table:
    """Make the table of `outrider top`."""
    from rich.table import Table

    made = Table(box=None, header_style="bold", title=f"the last {told['over_s']:g} s", title_justify="left")
    made.add_column("integration")
    for column in ("req/s", "errors", "p50", "p99", "in flight", "limit used", "breaker", "jobs"):
        made.add_column(column, justify="right")
    for one in told["integrations"]:
        used = one["limit_used"]
        breaker = {None: "–", True: "[red]open[/red]", False: "closed"}[one["breaker"]]
        made.add_row(
            one["integration"],
            f"{one['rate']:g}",
            f"[red]{one['errors']}[/red]" if one["errors"] else "0",
            _ms(one["p50_ms"]),
            _ms(one["p99_ms"]),
            str(one["in_flight"]),
            "–" if used is None else f"[red]{used:.0%}[/red]" if used >= 0.8 else f"{used:.0%}",
            breaker,
            str(jobs.get(one["integration"], 0)),
        )
    return made


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:g} ms"
