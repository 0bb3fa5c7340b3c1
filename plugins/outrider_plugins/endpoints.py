"""Endpoints: with `endpoints_only = true` an integration carries the calls that it lists, and no other."""

from __future__ import annotations

from collections.abc import Iterable

from outrider.plugin import Exchange, ExchangeSend, Forbidden, Integration, Layer, Response, Stage, hookimpl


@hookimpl
def outrider_integration_layers(integration: Integration) -> Iterable[Layer[Exchange]]:
    """Give a layer to the integrations that ask for it."""
    if not integration.config.endpoints_only:
        return []
    calls = [endpoint.call for endpoint in integration.config.endpoints]

    def wrap(send: ExchangeSend) -> ExchangeSend:
        async def listed(exchange: Exchange) -> Response:
            if not exchange.is_one_of(calls):
                path = exchange.path or "/"
                raise Forbidden(
                    f"{exchange.method} {path} is not among the endpoints of integration '{integration.name}'"
                )
            return await send(exchange)

        return listed

    return [Layer(stage=Stage.ADMIT, wrap=wrap)]
