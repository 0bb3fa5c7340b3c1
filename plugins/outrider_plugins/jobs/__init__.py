"""Jobs: calls that can wait are kept on disk and delivered later.

`Prefer: respond-async`, or `queue` in the error table, turns a call into a job: 202 once it is on disk,
synced. A lane for each integration sends what is due through the very same path as a live call.

    wishes     what an app asks for a job          intake    a call becomes a job
    schema, database, bodies, store                what is kept, and how
    queue      the jobs of the running process     lane      the deliveries of one integration
    delivery   one of them, and what it means      callback  an app is told that a job has ended
    api        /_outrider/jobs                     admin     /api/jobs, and `commands`: outrider jobs
    metrics    what Prometheus is told
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager

import click
from aiohttp import web

from outrider.plugin import (
    App,
    BreakerClosed,
    Config,
    Events,
    Exchange,
    ExchangeSend,
    Integration,
    Layer,
    Reloaded,
    Stage,
    hookimpl,
    spawn,
)

from . import admin, api, metrics
from .intake import Intake
from .queue import QUEUE


@hookimpl
def outrider_integration_layers(integration: Integration) -> Iterable[Layer[Exchange]]:
    """Give every integration the layer, but those whose credential is the app's own: it is not stored."""
    if passes_credentials(integration):
        return []
    intake = Intake(integration, QUEUE)
    return [Layer(stage=Stage.ADMIT, wrap=intake.wrap, replays=intake.queues, name="jobs")]


def passes_credentials(integration: Integration) -> bool:
    """Whether the app's own credential goes through."""
    auth = integration.target.auth
    return auth is not None and auth.passes_credentials


@hookimpl
def outrider_check(config: Config) -> Iterable[str]:
    """Refuse to queue what could not be sent later."""
    for name, section in config.integrations.items():
        for key, actions in (section.on or {}).items():
            if "queue" in actions and section.auth_type == "pass":
                yield (
                    f'integrations.{name}.on.{key}: "queue" does not go with auth type "pass", whose '
                    "credential is the app's own and would have to be stored; leave out one of the two"
                )


@hookimpl
def outrider_lifespan(app: App) -> AbstractAsyncContextManager[None]:
    """Deliver while the program runs."""
    return QUEUE.running(app)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Look again when the configuration or a breaker changes; count."""
    events.on(Reloaded, _reloaded)
    events.on(BreakerClosed, QUEUE.breaker_closed)
    metrics.subscribe(events)


def _reloaded(event: Reloaded) -> None:
    if event.ok:
        for lane in QUEUE.lanes.values():  # what held it back may be what was changed
            lane.resume()
        spawn(QUEUE.refresh(), name="jobs-refresh")


@hookimpl
def outrider_proxy_routes() -> Mapping[str, ExchangeSend]:
    """Give `/_outrider/jobs`."""
    return {"jobs": api.answer}


@hookimpl
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give `/api/jobs`."""
    return admin.ROUTES


@hookimpl
def outrider_commands(cli: click.Group) -> None:
    """Add `outrider jobs`."""
    from . import commands

    cli.add_command(commands.jobs)
