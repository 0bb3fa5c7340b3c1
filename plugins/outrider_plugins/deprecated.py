"""Deprecated: `status = "deprecated"` is said in every response, and who still calls is told."""

from __future__ import annotations

import logging
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

LOG = logging.getLogger("outrider")


@hookimpl
def outrider_integration_layers(integration: Integration, events: Events) -> Iterable[Layer[Exchange]]:
    """Give a layer to the integrations that are deprecated."""
    if integration.config.status != "deprecated":
        return []
    # RFC 9745 wants a date. Without one of the file's, it is so since now at the latest.
    since = integration.config.deprecated_since
    value = f"@{int(time() if since is None else since.timestamp())}"
    said: set[str] = set()

    def wrap(send: ExchangeSend) -> ExchangeSend:
        async def deprecated(exchange: Exchange) -> Response:
            events.emit(DeprecatedCall(exchange))
            if exchange.client not in said:
                said.add(exchange.client)
                who = f"client '{exchange.client}'" if exchange.client else "somebody"
                LOG.warning("integration '%s' is deprecated, and %s still calls it", integration.name, who)
            response = await send(exchange)
            response.headers.set("Deprecation", value)
            return response

        return deprecated

    return [Layer(stage=Stage.OBSERVE, wrap=wrap)]
