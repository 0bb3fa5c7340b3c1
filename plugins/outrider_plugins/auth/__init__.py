"""Auth: puts the credential on every attempt, after taking off whatever the app sent in its place.

The layer stands innermost, so that it is the last to touch the headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from outrider.plugin import Attempt, AuthType, Layer, Stage, Target, hookimpl

from .signature import Hmac
from .sigv4 import SigV4
from .static import Basic, Bearer, Header, NoAuth, Pass, Query, Several


@hookimpl
def outrider_auth_types() -> Mapping[str, type[AuthType]]:
    """Give the auth types that need nothing but a secret."""
    return {
        "bearer": Bearer,
        "basic": Basic,
        "header": Header,
        "headers": Several,
        "query": Query,
        "hmac": Hmac,
        "sigv4": SigV4,
        "none": NoAuth,
        "pass": Pass,
    }


@hookimpl
def outrider_target_layers(target: Target) -> Iterable[Layer[Attempt]]:
    """Give the layer that authenticates a target, of whichever plugin its auth type comes from."""
    if target.auth is None or isinstance(target.auth, NoAuth | Pass):
        return []
    return [
        Layer(stage=Stage.AUTH, wrap=partial(target.auth.wrap, target), name=target.config.auth_type or "")
    ]
