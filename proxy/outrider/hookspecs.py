"""The hooks. All of them run at load; nothing on the request path knows of pluggy.

A plugin implements the ones it needs, takes only the arguments it wants, and registers its module
under the entry-point group `outrider`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from aiohttp import web

    from .app import App
    from .auth import AuthType
    from .config import Config, Options
    from .events import Events
    from .exchange import Attempt, Exchange
    from .integration import Integration, Target
    from .layers import ExchangeSend, Layer
    from .provider import Provider

PROJECT = "outrider"
API_VERSION = 1
"""What `OUTRIDER_API` of a plugin module may ask for at most."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def outrider_providers() -> Iterable[type[Provider]]:
    """Give provider classes. Called once, at start."""
    raise AssertionError


@hookspec
def outrider_auth_types() -> Mapping[str, type[AuthType]]:
    """Give auth types by the name that `auth.type` has. Called once, at start."""
    raise AssertionError


@hookspec
def outrider_tables() -> Mapping[str, type[Options]]:
    """Give the tables `[integrations.NAME.TABLE]` that belong to this plugin. Called once, at start."""
    raise AssertionError


@hookspec
def outrider_integration_layers(integration: Integration, events: Events) -> Iterable[Layer[Exchange]] | None:
    """Give layers of an exchange: OBSERVE, ADMIT, FAILOVER. Called per integration, per config load."""


@hookspec
def outrider_target_layers(
    target: Target, events: Events
) -> Iterable[Layer[Exchange] | Layer[Attempt]] | None:
    """Give layers of a target: RETRY, BREAK, LIMIT, AUTH. Called per target, per config load."""


@hookspec
def outrider_subscribe(events: Events, config: Config) -> None:
    """Add listeners. Called per config load."""


@hookspec
def outrider_lifespan(app: App) -> AbstractAsyncContextManager[Any]:
    """Give an async context manager that is entered before serving and left after. Called once."""
    raise AssertionError


@hookspec
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give aiohttp routes for the admin listener. Called once, at start."""
    raise AssertionError


@hookspec
def outrider_proxy_routes() -> Mapping[str, ExchangeSend]:
    """Give what answers below `/_outrider/NAME`, by name, on every proxy listener. Called once, at start."""
    raise AssertionError


@hookspec
def outrider_check(config: Config) -> Iterable[str] | None:
    """Give problems, in words: `integrations.stripe.plan: ...`. Called by `check` and every load."""


@hookspec
def outrider_commands(cli: click.Group) -> None:
    """Add subcommands. Called when the command line starts."""
