"""The session's sidecar."""

from collections.abc import Iterator

import pytest

from sdks.running import Running
from sdks.sdk import Sdk


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """One sidecar with an integration for every SDK that was collected."""
    with Running(Sdk.known) as started:
        yield started
