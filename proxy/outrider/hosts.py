"""Further origins of a provider, below `/_hosts/NAME` of the integration: files, uploads, a product's own.

They are the target's own: its credential, limits and retries are theirs too, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING

from .config import BaseUrl
from .errors import NotFound
from .links import Place

if TYPE_CHECKING:
    from .config import IntegrationConfig
    from .exchange import Attempt
    from .layers import AttemptSend
    from .provider import Provider
    from .response import Response

PREFIX = "/_hosts/"


def hosts_of(config: IntegrationConfig, provider: Provider | None) -> dict[str, BaseUrl]:
    """Give the further origins by name: the provider's, and the file's in their place.

    With a `base_url` of the file's own the provider's are left out: they may be those of another region.
    """
    hosts = {}
    if provider is not None and config.base_url is None:
        hosts = {name: BaseUrl.parse(url) for name, url in provider.hosts.items()}
    return {**hosts, **config.hosts}


def places_of(base: BaseUrl, hosts: Mapping[str, BaseUrl]) -> tuple[Place, ...]:
    """Give where URLs of each lead back to, the integration's own base first."""
    return Place(base), *(Place(url, PREFIX + name) for name, url in hosts.items())


def apart(target: str) -> tuple[str, str]:
    """Take a raw target apart: the name of a further origin, "" for the first, and the target there."""
    if not target.startswith(PREFIX):
        return "", target
    path, mark, query = target.removeprefix(PREFIX).partition("?")
    name, _, rest = path.partition("/")
    return name, f"/{rest}{mark}{query}"


def dispatched(send: AttemptSend, others: Mapping[str, AttemptSend]) -> AttemptSend:
    """Give the `send` that takes what is below `/_hosts/NAME` to that origin."""

    def sent_to_host(attempt: Attempt) -> Awaitable[Response]:
        if not attempt.target.startswith(PREFIX):
            return send(attempt)
        name, attempt.target = apart(attempt.target)
        other = others.get(name)
        if other is None:
            raise NotFound(f"'{attempt.to.name}' has no host '{name}'; there are: {', '.join(others)}")
        return other(attempt)

    return sent_to_host
