"""Credentials in bodies: what an app's SDK puts there is taken off, as it is off fields and the query.

Ours goes into a field, and which of the two a provider would go by, nobody says.
"""

from __future__ import annotations

from outrider.body import KEEP_ONE
from outrider.members import are_legible, without_members
from outrider.plugin import Body, Exchange, ExchangeSend, Integration, Malformed, Response


def cleaning(integration: Integration, send: ExchangeSend) -> ExchangeSend:
    """Give the `send` that takes `credential_members` off the bodies of one integration.

    A body whose length says that it is longer than what is kept (256 KiB) goes on as it is; one that does not
    say, and is, is refused with 413.
    """
    names = integration.target.credential_members

    async def cleaned(exchange: Exchange) -> Response:
        headers, body = exchange.headers, exchange.body
        if are_legible(headers) and (body.length or 0) <= KEEP_ONE:
            data = await body.gather()
            if data is None:
                raise Malformed("so long a body is taken with Content-Length here, not chunked", status=413)
            left = without_members(data, headers.get("Content-Type", ""), names)
            if left is not data:
                exchange.body = Body(left, length=len(left))
        return await send(exchange)

    return cleaned
