"""One sidecar for all SDKs, in front of one fake provider that answers as the test of the moment says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from outrider.provider import Provider
from outrider.registry import load_plugins
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar

if TYPE_CHECKING:
    from sdks.sdk import Sdk

SECRET = "the-real-key"
ATTEMPTS = 3
#: Fast, and without a memory from one test to the next.
POLICY = f"""
retry = {{ attempts = {ATTEMPTS}, base = "1ms", cap = "2ms", budget = 1.0 }}
breaker = {{ failures = 1000000 }}
"""


class Running:
    """The sidecar with an integration for each SDK, the fake provider, and one for its further origins."""

    def __init__(self, sdks: Iterable[type[Sdk]]) -> None:
        self._sdks = {sdk.integration: sdk for sdk in sdks}
        self._providers = load_plugins().providers
        self.fake = FakeProvider()
        self.further = FakeProvider()
        self._sidecar: Sidecar

    def __enter__(self) -> Self:
        self.fake.start()
        self.further.start()
        self._sidecar = Sidecar(
            "".join(self._table(sdk) for sdk in self._sdks.values()),
            env={"SDK_SECRET": SECRET, "NO_PROXY": "127.0.0.1,localhost"},
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sidecar.stop()
        self.further.stop()
        self.fake.stop()

    def facts(self, name: str) -> Provider:
        """Give a provider by its name."""
        return self._providers[name]()

    def url(self, name: str) -> str:
        """Give the address of an integration below the first listener."""
        return f"{self._sidecar.url}/{name}"

    def own_url(self, name: str) -> str:
        """Give the address of an integration's own listener, `url` where it has none."""
        own = [each for each in self._sdks if self._sdks[each].own_listener]
        return self._sidecar.urls[1 + own.index(name)] if name in own else self.url(name)

    def clear(self, handler: Callable[[ReceivedRequest], Script]) -> None:
        """Forget the test before, and answer by `handler` from now on."""
        for fake in (self.fake, self.further):
            fake.clear()
            fake.handler = handler

    def _table(self, sdk: type[Sdk]) -> str:
        facts = self._providers[sdk.provider]
        hosts = ", ".join(f'{name} = "{self.further.url}/{name}"' for name in facts.hosts)
        auth = sdk.auth or ", ".join(f'{key} = "env:SDK_SECRET"' for key in facts.secrets)
        listen = 'listen = "127.0.0.1:0"' if sdk.own_listener else ""
        path = urlsplit(facts.base_url or "").path.rstrip("/")
        return f"""
[integrations.{sdk.integration}]
provider = "{sdk.provider}"
base_url = "{self.fake.url}{path}"
hosts = {{ {hosts} }}
auth = {{ {auth} }}
{listen}
{sdk.policy}"""
