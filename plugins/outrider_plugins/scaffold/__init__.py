"""Scaffold: `outrider new plugin NAME` makes the project of a provider plugin, whose tests pass as it is."""

from __future__ import annotations

import keyword
import re
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from string import Template

import click

from outrider.errors import StartError
from outrider.plugin import hookimpl
from outrider.registry import Registry

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
#: What is made, by the file of the template it is made of.
_FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "readme.md.in",
    ".gitignore": "gitignore.in",
    "{module}.py": "plugin.py.in",
    "tests/test_{module}.py": "test_plugin.py.in",
}


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider new`."""
    cli.add_command(new)


_config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    expose_value=False,
    help="Taken, as by every command; a plugin is made without it.",
)


@click.group()
@_config_option
def new() -> None:
    """Make the beginning of something."""


@new.command()
@click.argument("name")
@_config_option
@click.option("--base-url", help="Where the API is; https://api.NAME.example until you know.")
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder in which the project's own folder is made; this one by default.",
)
@click.pass_obj
def plugin(registry: Registry, name: str, base_url: str | None, folder: Path) -> None:
    """Make the project of a provider plugin: outrider new plugin acme."""
    short = name.removeprefix("outrider-")
    if _NAME.fullmatch(short) is None or keyword.iskeyword(short):
        raise StartError(f"{name!r} cannot name a plugin; write lower-case words, e.g. acme or acme-mail")
    if short in registry.providers:
        owner = registry.owner("provider", short)
        raise StartError(f"plugin '{owner}' gives a provider '{short}' already; choose another name")
    project = folder / f"outrider-{short}"
    if project.exists():
        raise StartError(f"{project} is there already; nothing was written")
    write(project, short, base_url or f"https://api.{short}.example")
    click.echo(f"made {project}\n")
    click.echo(f"  cd {project}\n  pip install --editable '.[test]'\n  python -m pytest\n")
    click.echo(
        f"Then write down what you know of the API in {_module(short)}.py; README.md says how to go on."
    )


def write(project: Path, name: str, base_url: str) -> None:
    """Write the files of the project. StartError where that cannot be."""
    words = {
        "name": name,
        "module": _module(name),
        "title": name.replace("-", " ").title(),
        "cls": name.replace("-", " ").title().replace(" ", ""),
        "env": name.replace("-", "_").upper() + "_API_KEY",
        "base_url": base_url,
        "today": datetime.now(UTC).date().isoformat(),
    }
    templates = resources.files(__name__) / "template"
    try:
        for path, template in _FILES.items():
            file = project / path.format_map(words)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(Template((templates / template).read_text("utf-8")).substitute(words), "utf-8")
    except OSError as error:
        raise StartError(f"{project} cannot be written: {(error.strerror or '').lower()}") from None


def _module(name: str) -> str:
    return f"outrider_{name.replace('-', '_')}"
