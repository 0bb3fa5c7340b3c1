"""Deprecated: `status = "deprecated"` is said in every response; an event tells who still calls."""

from __future__ import annotations

from collections.abc import Iterable
from time import time

from outrider.plugin import (
    DeprecatedCall,
    Events,
    Exchange,
    ExchangeSend,
    Integration,
    Layer,
    Response,
    Stage,
    hookimpl,
)


@hookimpl
def outrider_integration_layers(integration: Integration, events: Events) -> Iterable[Layer[Exchange]]:
    """Give a layer to the integrations that are deprecated."""
    if integration.config.status != "deprecated":
        return []
    # RFC 9745 wants a date. Without one of the file's, it is so since now at the latest.
    since = integration.config.deprecated_since
    value = f"@{int(time() if since is None else since.timestamp())}"

    def wrap(send: ExchangeSend) -> ExchangeSend:
        async def deprecated(exchange: Exchange) -> Response:
            events.emit(DeprecatedCall(exchange))
            response = await send(exchange)
            response.headers.set("Deprecation", value)
            return response

        return deprecated

    return [Layer(stage=Stage.OBSERVE, wrap=wrap)]
