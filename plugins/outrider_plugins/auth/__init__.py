"""Auth: puts the credential on every attempt, after taking off whatever the app sent in its place.

The layer stands innermost, so that it is the last to touch the headers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from weakref import WeakKeyDictionary

from outrider.config import Client
from outrider.plugin import (
    Attempt,
    AttemptSend,
    AuthType,
    Config,
    Events,
    Exchange,
    Integration,
    Layer,
    Stage,
    Target,
    hookimpl,
)

from .bodies import cleaning
from .fetched import settle
from .github_app import GitHubApp
from .google_account import GoogleAccount
from .oauth2 import OAuth2
from .rotated import Rotated
from .signature import Hmac
from .sigv4 import SigV4
from .static import Basic, Bearer, Header, NoAuth, Pass, Query, Several
from .token_calls import answering

# The clients of a configuration, by the events of its load, which the hooks of one load share.
_CLIENTS: WeakKeyDictionary[Events, Mapping[str, Client]] = WeakKeyDictionary()


@hookimpl
def outrider_auth_types() -> Mapping[str, type[AuthType]]:
    """Give the auth types."""
    return {
        "bearer": Bearer,
        "basic": Basic,
        "header": Header,
        "headers": Several,
        "query": Query,
        "oauth2": OAuth2,
        "github_app": GitHubApp,
        "google": GoogleAccount,
        "hmac": Hmac,
        "sigv4": SigV4,
        "none": NoAuth,
        "pass": Pass,
    }


@hookimpl
@asynccontextmanager
async def outrider_lifespan() -> AsyncIterator[None]:
    """At the end wait for tokens under way: one that rotates is not lost."""
    yield
    await settle()


@hookimpl
def outrider_subscribe(events: Events, config: Config) -> None:
    """Remember the clients, whose tokens an SDK is given."""
    _CLIENTS[events] = config.clients


@hookimpl
def outrider_integration_layers(integration: Integration, events: Events) -> Iterable[Layer[Exchange]]:
    """Give the layers that answer the token calls of an SDK, and take credentials off bodies."""
    if integration.target.token_calls:
        wrap = partial(answering, integration, _CLIENTS.get(events, {}))
        yield Layer(stage=Stage.ADMIT, wrap=wrap, name="token-calls")
    if integration.target.credential_members:
        yield Layer(stage=Stage.ADMIT, wrap=partial(cleaning, integration), name="clean-bodies")


@hookimpl
def outrider_target_layers(target: Target) -> Iterable[Layer[Attempt]]:
    """Give the layer that authenticates a target, of whichever plugin its auth type comes from."""
    if target.auth is None or isinstance(target.auth, NoAuth | Pass):
        return []
    return [Layer(stage=Stage.AUTH, wrap=partial(authorizing, target), name=target.config.auth_type or "")]


def authorizing(target: Target, send: AttemptSend) -> AttemptSend:
    """Put the credential on; one that may have been replaced is read again when it is refused."""
    assert target.auth is not None
    authorized = target.auth.wrap(target, send)
    if target.credential is not None or len(target.auth.keys) > 1 or not target.auth.rotating:
        return authorized
    target.credential = rotated = Rotated(target)
    return rotated.wrap(authorized)
