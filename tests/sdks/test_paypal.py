"""paypal-server-sdk against PayPal."""

from typing import Any

from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.exceptions.api_exception import ApiException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown
from paypalserversdk.models.checkout_payment_intent import CheckoutPaymentIntent
from paypalserversdk.models.order_request import OrderRequest
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from outrider.testing import reply
from sdks.sdk import Answer, Sdk


def error(name: str) -> dict[str, Any]:
    return {"name": name, "message": "no", "debug_id": "d1"}


class TestPayPal(Sdk):
    provider = "paypal"
    auth = 'type = "bearer", token = "env:SDK_SECRET"'
    names = {"Configuration": Configuration, "Environment": Environment, "Server": Server}
    errors = (ApiException,)
    limit = reply(429, error("RATE_LIMIT_REACHED"))
    failure = reply(500, error("INTERNAL_SERVER_ERROR"))

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /v2/checkout/orders/{id}": {
                "id": "O1",
                "status": "CREATED",
                "links": [{"href": "https://www.sandbox.paypal.com/checkoutnow?token=O1", "rel": "approve"}],
            },
            "POST /v2/checkout/orders": {"id": "O1", "status": "CREATED"},
        }

    def connect(self, line: str) -> PaypalServersdkClient:
        super().connect(line)
        credentials = ClientCredentialsAuthCredentials("x", "x")
        return PaypalServersdkClient(client_credentials_auth_credentials=credentials)

    def call(self, client: PaypalServersdkClient) -> None:
        order = client.orders.get_order({"id": "O1"}).body
        assert order.id == "O1"
        assert order.links[0].href.startswith("https://www.sandbox.paypal.com/"), "it is for a browser"

    def test_an_order_is_made_with_a_key(self, client: PaypalServersdkClient) -> None:
        """And so it is made again when the answer is lost: with the same one."""
        self.running.fake.answer(self.failure)
        amount = AmountWithBreakdown(currency_code="EUR", value="5.00")
        order = OrderRequest(
            intent=CheckoutPaymentIntent.CAPTURE, purchase_units=[PurchaseUnitRequest(amount=amount)]
        )
        assert client.orders.create_order({"body": order}).body.id == "O1"
        first, second = (request.header("PayPal-Request-Id") for request in self.requests)
        assert first
        assert first == second
