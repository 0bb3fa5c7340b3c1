"""What most tests need: a provider, one for a module."""

from collections.abc import Iterator

import pytest

from outrider.testing import FakeProvider


@pytest.fixture(scope="module")
def module_provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def provider(module_provider: FakeProvider) -> Iterator[FakeProvider]:
    """The module's provider, with nothing recorded and nothing queued; what is malformed fails the test."""
    module_provider.clear()
    module_provider.handler = None
    yield module_provider
    assert module_provider.problems == []
