"""Traces: spans over OTLP, where `[traces]` says so; else there is no layer, and nothing is imported.

The app's `traceparent` is kept to. To a provider it goes only with `[integrations.NAME.traces] propagate`:
a trace tells of the inside of a house, and some APIs refuse fields that they do not know.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from outrider.plugin import (
    App,
    Attempt,
    Config,
    Events,
    Exchange,
    ExchangeDone,
    Integration,
    Layer,
    LimitWaited,
    Options,
    Reloaded,
    Retrying,
    Stage,
    Target,
    hookimpl,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .export import Export, Place
    from .spans import Spans

_MODULES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
#: Seconds that the end of the program leaves for the last spans.
_LAST_S = 2.0


class Propagation(Options):
    """`[integrations.NAME.traces]`.

    ```toml
    traces = { propagate = true }   # the provider gets traceparent, tracestate and baggage
    ```
    """

    propagate: bool = False


class Tracing:
    """The spans of each configuration that has `[traces]`, and where they all go."""

    def __init__(self) -> None:
        self.spans: WeakKeyDictionary[Events, Spans] = WeakKeyDictionary()
        self.export: Export | None = None
        self.renew: Callable[[], None] = _nothing
        """Called when a new configuration is in force."""

    def tracer(self) -> Tracer | None:
        """Give what makes spans, None while they go nowhere."""
        return self.export.tracer if self.export is not None else None


def _nothing() -> None:
    """While the program does not run."""


TRACING = Tracing()


def _installed() -> bool:
    with suppress(ModuleNotFoundError):
        return all(find_spec(module) is not None for module in _MODULES)
    return False


@hookimpl
def outrider_tables() -> Mapping[str, type[Options]]:
    """Give `[integrations.NAME.traces]`."""
    return {"traces": Propagation}


@hookimpl
def outrider_check(config: Config) -> Iterable[str]:
    """Say what is missing."""
    if config.traces.endpoint is not None and not _installed():
        yield "traces: needs an extra; pip install 'outrider[otel]'"
    if config.traces.endpoint is None:
        for name, section in config.integrations.items():
            if "traces" in section.tables:
                yield f"integrations.{name}.traces: does nothing without [traces]; write its endpoint there"


@hookimpl
def outrider_subscribe(events: Events, config: Config) -> None:
    """Make the spans that events tell of, where there are traces."""
    events.on(Reloaded, _reloaded)
    if config.traces.endpoint is None or not _installed():
        return
    from .spans import Spans  # what it imports takes 10 MB

    spans = TRACING.spans[events] = Spans(TRACING.tracer)
    events.on(ExchangeDone, spans.done)
    events.on(Retrying, spans.retrying)
    events.on(LimitWaited, spans.waited)


@hookimpl
def outrider_integration_layers(integration: Integration, events: Events) -> Iterable[Layer[Exchange]]:
    """Give the layer that begins the span of an exchange."""
    spans = TRACING.spans.get(events)
    return [Layer(stage=Stage.OBSERVE, wrap=spans.traced)] if spans is not None else []


@hookimpl
def outrider_target_layers(target: Target, events: Events) -> Iterable[Layer[Attempt]]:
    """Give the layer that makes a span of an attempt: within the limits, so that waits are apart from it."""
    spans = TRACING.spans.get(events)
    if spans is None:
        return []
    options = target.config.tables.get("traces")
    propagate = isinstance(options, Propagation) and options.propagate
    return [Layer(stage=Stage.LIMIT, wrap=partial(spans.spanned, propagate=propagate))]


def _reloaded(event: Reloaded) -> None:
    if event.ok:
        TRACING.renew()


@hookimpl
@asynccontextmanager
async def outrider_lifespan(app: App) -> AsyncIterator[None]:
    """Export while the program runs."""
    TRACING.renew = partial(_renew, app)
    _renew(app)
    try:
        yield
    finally:
        export, TRACING.export = TRACING.export, None
        if export is not None:
            await asyncio.to_thread(_close(export).join, _LAST_S)


def _renew(app: App) -> None:
    """Take up what the configuration says now, secrets included."""
    place = _place(app)
    old = TRACING.export
    if (old.place if old is not None else None) == place:
        return
    TRACING.export = None
    if place is not None:
        from .export import Export

        TRACING.export = Export(place)
    if old is not None:
        _close(old)


def _place(app: App) -> Place | None:
    options, vault = app.table.config.traces, app.table.vault
    if options.endpoint is None or not _installed():
        return None
    from .export import Place

    headers = tuple((str(name), vault.get(ref).value) for name, ref in options.headers.items())
    return Place(str(options.endpoint), headers, options.sample, options.service)


def _close(export: Export) -> threading.Thread:
    """Deliver what is left, in a thread that holds up nobody: a collector that is gone takes long."""
    thread = threading.Thread(target=export.close, name="last spans", daemon=True)
    thread.start()
    return thread
