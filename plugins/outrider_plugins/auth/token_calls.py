"""Token calls: what an SDK asks for by itself before its first call is answered here; the app has no key.

The token means nothing: it is taken off the calls that bring it, like any credential of the app's. Where
there are clients it is the caller's own token, so that those calls are known as the client's too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from outrider.config import Client
from outrider.members import texts_of
from outrider.plugin import Exchange, ExchangeSend, Forbidden, Integration, Response, respond

#: What the token is where there are no clients.
DUMMY = "outrider"
#: Seconds after which the SDK asks again: as long as GitHub's own tokens live.
LIFE_S = 3600


def answering(integration: Integration, clients: Mapping[str, Client], send: ExchangeSend) -> ExchangeSend:
    """Give the `send` that answers token calls."""
    target = integration.target

    async def answered(exchange: Exchange) -> Response:
        method, path = exchange.method, exchange.path
        if not target.fetches_token(method, path):
            return await send(exchange)
        client = clients.get(exchange.client)
        if not await _asks_for_a_user(exchange):
            token = DUMMY if client is None else target.secret(client.token).value
            return respond(200, _said(token, exchange.base), [("Cache-Control", "no-store")])
        allowed = client.endpoints if client is not None else None
        if allowed is not None and not any(call.matches(method, path) for call in allowed):
            raise Forbidden(f"client '{exchange.client}' may not call {method} {path}")
        return await send(exchange)

    return answered


async def _asks_for_a_user(exchange: Exchange) -> bool:
    """Whether a user's consent is turned into that user's token (RFC 6749 section 4.1.3), which we cannot."""
    return texts_of(await exchange.body.gather() or b"").get("grant_type") == "authorization_code"


def _said(token: str, base: str) -> dict[str, Any]:
    """Say it as RFC 6749 section 5.1 does and as GitHub does; SDKs of Salesforce look for `instance_url`."""
    ends = datetime.now(UTC) + timedelta(seconds=LIFE_S)
    return {
        "access_token": token,
        "token": token,
        "token_type": "Bearer",
        "expires_in": LIFE_S,
        "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "scope": "",
        "instance_url": base,
    }
