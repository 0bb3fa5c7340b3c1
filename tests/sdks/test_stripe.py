"""stripe against Stripe."""

from typing import Any

import pytest
import stripe

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged


def customers(*ids: str, more: bool) -> dict[str, Any]:
    data = [{"id": each, "object": "customer"} for each in ids]
    return {"object": "list", "url": "/v1/customers", "has_more": more, "data": data}


class TestStripe(Pages, Sdk):
    provider = "stripe"
    names = {"stripe": stripe}
    errors = (stripe.StripeError,)
    limit = reply(
        429,
        {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}},
        {"Stripe-Rate-Limited-Reason": "global-rate"},
    )
    failure = reply(500, {"error": {"type": "api_error", "message": "oops"}})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /v1/balance": {"object": "balance", "livemode": False},
            "GET /v1/customers": paged(
                "starting_after",
                {"": customers("cus_1", "cus_2", more=True), "cus_2": customers("cus_3", more=False)},
            ),
            "POST /v1/charges": {"object": "charge", "id": "ch_1"},
            "POST /files/v1/files": {"object": "file", "id": "file_1"},
        }

    def call(self, client: stripe.StripeClient) -> None:
        assert client.v1.balance.retrieve().object == "balance"

    def page(self, client: stripe.StripeClient) -> None:
        found = [each.id for each in client.v1.customers.list().auto_paging_iter()]
        assert found == ["cus_1", "cus_2", "cus_3"]

    def test_a_keyed_post_is_sent_again(self, client: stripe.StripeClient) -> None:
        """With the SDK's own key, the same each time."""
        self.running.fake.answer(self.failure)
        assert client.v1.charges.create({"amount": 5, "currency": "eur"}).id == "ch_1"
        first, second = (request.header("Idempotency-Key") for request in self.requests)
        assert first
        assert first == second

    def test_the_module_obeys_too(self, client: stripe.StripeClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """Calls without a client are tried three times by the SDK itself, unless it is told not to."""
        self.call(client)
        monkeypatch.setattr(stripe, "api_base", self.running.url(self.integration))
        monkeypatch.setattr(stripe, "api_key", "x")
        assert stripe.max_network_retries == 2
        self._always(self.failure)
        self.running.fake.requests.clear()
        with pytest.raises(stripe.APIError):
            stripe.Balance.retrieve()
        assert len(self.requests) == self.tries

    def test_a_file_goes_to_its_own_host(self, client: stripe.StripeClient, tmp_path: Any) -> None:
        """Through us, with our key."""
        path = tmp_path / "evidence.txt"
        path.write_text("it was me")
        with path.open("rb") as file:
            made = client.v1.files.create({"purpose": "dispute_evidence", "file": file})
        assert made.id == "file_1"
