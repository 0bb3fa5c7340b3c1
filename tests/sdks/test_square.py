"""squareup against Square."""

from typing import Any

import pytest
from square import Square
from square.core.api_error import ApiError

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged

#: No field of a response stops its retries (docs/sdks.md).
ONCE: Any = {"max_retries": 0}


def error(category: str, code: str) -> dict[str, Any]:
    return {"errors": [{"category": category, "code": code, "detail": "no"}]}


class TestSquare(Pages, Sdk):
    provider = "square"
    names = {"Square": Square}
    errors = (ApiError,)
    limit = reply(429, error("RATE_LIMIT_ERROR", "RATE_LIMITED"))
    failure = reply(500, error("API_ERROR", "INTERNAL_SERVER_ERROR"))

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /v2/locations": {"locations": [{"id": "L1"}]},
            "GET /v2/customers": paged(
                "cursor",
                {
                    "": {"customers": [{"id": "1"}, {"id": "2"}], "cursor": "c2"},
                    "c2": {"customers": [{"id": "3"}]},
                },
            ),
            "POST /v2/payments": {"payment": {"id": "P1"}},
        }

    def close(self, client: Square) -> None:
        client._client_wrapper.httpx_client.httpx_client.close()

    def call(self, client: Square) -> None:
        answer = client.locations.list(request_options=ONCE)
        assert [each.id for each in answer.locations or ()] == ["L1"]

    def page(self, client: Square) -> None:
        assert [each.id for each in client.customers.list()] == ["1", "2", "3"]

    def test_a_keyed_payment_is_sent_again(self, client: Square) -> None:
        """The key stands in the body, and is the app's own."""
        self.running.fake.answer(self.failure)
        made = client.payments.create(source_id="cnon", idempotency_key="k1", request_options=ONCE)
        assert made.payment is not None
        assert made.payment.id == "P1"
        assert [request.json()["idempotency_key"] for request in self.requests] == ["k1", "k1"]

    def test_without_its_off_switch_it_multiplies(
        self, client: Square, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What we send once it sends three times, so its docs say how to stop it."""
        monkeypatch.setattr("square.core.http_client.time.sleep", lambda seconds: None)
        self._always(self.failure)
        with pytest.raises(ApiError):
            client.payments.cancel("P1")
        assert len(self.requests) == 3
