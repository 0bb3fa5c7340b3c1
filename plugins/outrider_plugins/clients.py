"""Clients: a rate of its own for each, over all that it calls. Who may call at all is the core's to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from weakref import WeakKeyDictionary

from outrider.plugin import (
    Config,
    Events,
    Exchange,
    ExchangeSend,
    Layer,
    Limited,
    Response,
    Stage,
    hookimpl,
)

from .limits.meter import Bucket

# The clients of a configuration, by the events of its load, which the hooks of one load share.
_BUCKETS: WeakKeyDictionary[Events, Mapping[str, Bucket]] = WeakKeyDictionary()


@hookimpl
def outrider_subscribe(events: Events, config: Config) -> None:
    """Make the bucket of each client that has a rate: a whole window of it may go at once."""
    _BUCKETS[events] = {
        name: Bucket(client.rate.count / client.rate.per_s, max(1.0, client.rate.count))
        for name, client in config.clients.items()
        if client.rate is not None
    }


@hookimpl
def outrider_integration_layers(events: Events) -> Iterable[Layer[Exchange]]:
    """Give every integration a layer, where any client has a rate."""
    buckets = _BUCKETS.get(events)
    if not buckets:
        return []

    def wrap(send: ExchangeSend) -> ExchangeSend:
        async def metered(exchange: Exchange) -> Response:
            bucket = buckets.get(exchange.client)
            if bucket is not None and not exchange.in_background and not bucket.take():
                raise Limited(
                    f"client '{exchange.client}' is at its rate; see clients.{exchange.client}.rate",
                    retry_after_s=bucket.wait_s(),
                )
            return await send(exchange)

        return metered

    return [Layer(stage=Stage.ADMIT, wrap=wrap)]
