"""Catalogue: the providers that are installed, for people. `outrider providers` lists what is known of
them, `outrider add` writes an integration with one into `config.toml`.
"""

from __future__ import annotations

from pathlib import Path

import click

from outrider.commands import config_option
from outrider.config import did_you_mean, load
from outrider.errors import StartError
from outrider.plugin import Provider, hookimpl
from outrider.registry import Registry

from .address import point


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider add` and `outrider providers`."""
    cli.add_command(add)
    cli.add_command(providers)


@click.command()
@click.argument("provider")
@click.option("--name", help="The name of the integration; the provider's by default.")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="A key of the integration: base_url=https://..., plan=live, auth.token=file:/run/secrets/key.",
)
@config_option
@click.pass_obj
def add(registry: Registry, provider: str, name: str | None, given: tuple[str, ...], path: Path) -> None:
    """Write an integration into config.toml: outrider add stripe.

    On a terminal it asks for what it needs; otherwise it takes the usual environment variables and says so.
    """
    from .add import Adding

    facts = _provider(registry, provider)
    adding = Adding(registry.vocabulary, facts, name or facts.name, path)
    for line in adding.add(given):
        click.echo(line)


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print a page of all of them, as docs/providers.md is made.")
@config_option
@click.pass_obj
def providers(registry: Registry, name: str | None, markdown: bool, path: Path) -> None:
    """List the providers that are known, or tell what is known of one: outrider providers stripe."""
    from . import page

    if markdown:
        click.echo(page.markdown(registry), nl=False)
        return
    if name is None:
        for line in page.lines(registry):
            click.echo(line)
        return
    facts = _provider(registry, name)
    loaded = load(path, registry.vocabulary)
    config = loaded.config or loaded.partial
    rows = page.facts_of(facts, point(facts, facts.name, config.server if config is not None else None))
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        click.echo(f"{label:{width}}  {text}".rstrip())


def _provider(registry: Registry, name: str) -> type[Provider]:
    found = registry.providers.get(name.lower())
    if found is None:
        near = did_you_mean(name.lower(), registry.providers) or ";"
        raise StartError(
            f"no installed plugin gives a provider {name!r}{near} `outrider providers` lists them"
        )
    return found
