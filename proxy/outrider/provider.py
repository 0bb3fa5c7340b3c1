"""What a plugin knows of one API. The least it needs is a name and a base URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .exchange import Attempt, Exchange
    from .problem import Problem
    from .response import Response


class Provider:
    """One API. Subclass it, set what differs; one instance serves one integration.

    Facts go stale: each should say its source and date in the plugin's docstring, and each can be
    overridden in `config.toml`.
    """

    name: ClassVar[str] = ""
    base_url: ClassVar[str | None] = None
    """Where the API is; `base_url` of the integration replaces it."""
    documentation: ClassVar[str] = ""
    sdk: ClassVar[str] = ""
    """The official SDK for Python, by its package name."""
    timeout: ClassVar[Mapping[str, float]] = {}
    """Defaults in seconds of `timeout` that this API needs longer: connect, response, idle, total."""
    credential_headers: ClassVar[tuple[str, ...]] = ()
    """Further fields in which its SDKs send a credential: always taken off what the app sent."""
    credential_query: ClassVar[tuple[str, ...]] = ()
    """Query parameters likewise."""

    idempotency_header: ClassVar[str] = ""
    """The field of its idempotency keys: one is put on every POST and PATCH that has none."""
    stop_headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Fields that tell its SDK not to try again, beside `x-should-retry: false`."""
    sdk_obeys_retry_after: ClassVar[bool] = False
    """Whether its SDK retries on Retry-After alone: then it is given as Outrider-Retry-After at the end."""

    def prepare(self, exchange: Exchange) -> None:
        """Look at an exchange once, before its first attempt: put on an idempotency key, say."""

    def should_retry(self, response: Response) -> bool | None:
        """Give the provider's own word on whether to retry, None where it does not say.

        It may read `response.text`, at most 64 KiB of the body: a spent quota and "slow down" share a 429.
        """
        return None

    def retry_after(self, response: Response) -> float | None:
        """Give the seconds that the response asks to wait, beyond the standard fields; None otherwise."""
        return None

    def error_body(self, problem: Problem) -> Mapping[str, object] | None:
        """Give an answer of Outrider's own in the API's error envelope, which its SDK parses."""
        return None


class LocalProvider(Provider):
    """A provider that answers inside Outrider, without a network: a sandbox, a recording, a stub."""

    base_url = "http://outrider.invalid"

    async def serve(self, attempt: Attempt) -> Response:
        """Answer an attempt that has passed every layer, credential and all."""
        raise AssertionError(f"provider '{self.name}' does not define 'serve'")
