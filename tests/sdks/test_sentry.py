"""sentry-sdk against Sentry's intake of events."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Sdk


class TestSentry(Sdk):
    provider = "sentry"
    auth = 'type = "pass"'
    names = {"sentry_sdk": sentry_sdk}
    secret = "PUBLIC_KEY"
    limit = reply(429, {"detail": "too many"}, {"Retry-After": "0"})
    failure = reply(500, {"detail": "oops"})
    tries = 1

    def routes(self) -> dict[str, Answer]:
        return {"POST /api/42/envelope/": {"id": "e1"}}

    @pytest.fixture(autouse=True)
    def _no_client_is_left(self) -> Iterator[None]:
        yield
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)

    def credential(self, request: ReceivedRequest) -> str:
        said = request.header("X-Sentry-Auth") or ""
        return said.partition("sentry_key=")[2].partition(",")[0]

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Those with an event: the SDK sends reports of what it dropped too."""
        return [each for each in super().requests if b'"type":"event"' in gzip.decompress(each.body)]

    def call(self, client: Any) -> None:
        sentry_sdk.capture_message("it broke")
        sentry_sdk.flush()
        event = gzip.decompress(self.requests[-1].body).splitlines()[2]
        assert json.loads(event)["message"] == "it broke"

    def fail(self, client: Any) -> None:
        self.call(client)  # an event that cannot be sent is dropped

    def test_a_category_that_is_limited(self, client: Any) -> None:
        """The SDK drops such events for so long: we do not send them again either."""
        self._always(reply(429, {}, {"X-Sentry-Rate-Limits": "60:error:organization", "Retry-After": "60"}))
        self.fail(client)
        assert len(self.requests) == 1
