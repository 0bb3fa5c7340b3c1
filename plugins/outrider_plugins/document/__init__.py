"""The integration document: what is configured and runs, in the words that an architect would write.

`outrider docs` writes it, as Markdown or HTML, and `--check` says when a file no longer tells what is so.
`outrider import` goes the other way: from a document to a first configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path

import click

from outrider.commands import config_option, table_of
from outrider.config import load
from outrider.errors import StartError
from outrider.plugin import hookimpl
from outrider.registry import Registry
from outrider.rewrite import rewrite

from . import html, markdown
from .describe import describe
from .model import Document

_FORMATS: dict[str, tuple[Callable[[Document], str], str]] = {
    "markdown": (markdown.markdown, markdown.UPDATED),
    "html": (html.html, html.UPDATED),
}
#: Of a document that is not up to date, so many lines of what differs are printed.
_SHOWN = 40


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider docs` and `outrider import`."""
    cli.add_command(docs)
    cli.add_command(import_)


@click.command()
@config_option
@click.option("--output", type=click.Path(path_type=Path), help="Write it to this file.")
@click.option("--check", type=click.Path(path_type=Path), help="Exit 1 when this file says something else.")
@click.option("--format", "format_", type=click.Choice(list(_FORMATS)), default="markdown", show_default=True)
@click.pass_obj
def docs(registry: Registry, path: Path, output: Path | None, check: Path | None, format_: str) -> None:
    """Print the integration document of the configuration. It needs no secret."""
    write, updated = _FORMATS[format_]
    table = table_of(registry, path, aside=True)
    text = write(describe(table, datetime.now(UTC).date()))
    if output is not None:
        try:
            output.write_text(text, "utf-8")
        except OSError as error:
            raise StartError(f"{output} cannot be written: {(error.strerror or '').lower()}") from None
    if check is not None:
        _check(check, text, updated, path, format_)
    elif output is None:
        click.echo(text, nl=False)


def _check(file: Path, text: str, updated: str, config: Path, format_: str) -> None:
    """End with exit code 1, and what differs, unless the file has this text but for its date."""
    options = f" --config {config}" if config != Path("config.toml") else ""
    options += f" --format {format_}" if format_ != "markdown" else ""
    remedy = f"write it with: outrider docs{options} --output {file}"
    try:
        written = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        click.echo(f"{file} cannot be read; {remedy}")
        sys.exit(1)
    was, now = _without_date(written, updated), _without_date(text, updated)
    if was == now:
        click.echo(f"{file} says what {config} configures")
        return
    for line in list(unified_diff(was, now, str(file), str(config), n=0, lineterm=""))[:_SHOWN]:
        click.echo(line)
    click.echo(f"{file} no longer says what {config} configures; {remedy}")
    sys.exit(1)


def _without_date(text: str, updated: str) -> list[str]:
    """Give the lines that count: not the date, and no white space that an editor may take off."""
    return [line.rstrip() for line in text.rstrip().splitlines() if not line.startswith(updated)]


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@click.option("--force", is_flag=True, help="Replace the configuration that is there.")
@click.pass_obj
def import_(registry: Registry, file: Path, path: Path, force: bool) -> None:
    """Write a first configuration from an integration document in Markdown."""
    # tomlkit is for this alone; no other command waits for its import.
    from .draft import draft
    from .parse import parse

    try:
        document = parse(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise StartError(f"{file} cannot be read; name an integration document in Markdown") from None
    if not document.sections:
        raise StartError(f"{file} describes no integration; each has a heading '## NAME' of its own")
    if path.exists() and not force:
        raise StartError(f"{path} is there already; name another with --config, or give --force")
    text, notes = draft(document, registry.providers, file.name)
    rewrite(path, text)
    many = len(document.sections)
    click.echo(f"{path}: {many} integration{'' if many == 1 else 's'}, each a draft until its secret is set")
    for note in notes:
        click.echo(f"look at {note}")
    for problem in load(path, registry.vocabulary).problems:
        click.echo(str(problem))
