"""One sidecar and one provider for each module, so that hundreds of cases take seconds."""

from collections.abc import Iterator

import pytest

from outrider.testing import FakeProvider, Sidecar

TOKEN = "end-to-end-secret"

# Breaker and retries stand back: a table of failures is no outage, and every case is one attempt.
CONFIG = """
[integrations.stripe]
base_url = "{url}"
[integrations.stripe.auth]
type = "bearer"
token = "env:TEST_TOKEN"
[integrations.stripe.retry]
attempts = 1
[integrations.stripe.breaker]
failures = 1000000

[integrations.based]
base_url = "{url}/base"
[integrations.based.auth]
type = "header"
name = "X-Custom-Key"
value = "env:TEST_TOKEN"

[integrations.queried]
base_url = "{url}"
[integrations.queried.auth]
type = "query"
name = "key"
value = "env:TEST_TOKEN"
"""


@pytest.fixture(scope="module")
def sidecar(module_provider: FakeProvider) -> Iterator[Sidecar]:
    """Outrider in front of the module's provider: `stripe` (bearer), `based` (under /base), `queried`."""
    with Sidecar(CONFIG.format(url=module_provider.url), env={"TEST_TOKEN": TOKEN}) as started:
        yield started
    assert started.stop() == 0, started.stderr
    assert TOKEN not in started.stderr
