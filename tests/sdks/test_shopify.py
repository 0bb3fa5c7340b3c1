"""ShopifyAPI against Shopify."""

import json
from collections.abc import Iterator
from typing import Any

import pyactiveresource.connection
import pytest
import shopify

from outrider.testing import ReceivedRequest, Script, reply
from sdks.sdk import Answer, Pages, Sdk, paged

THROTTLED = {
    "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
    "extensions": {
        "cost": {
            "requestedQueryCost": 51,
            "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 50.999, "restoreRate": 100},
        }
    },
}


class TestShopify(Pages, Sdk):
    provider = "shopify"
    auth = 'value = "env:SDK_SECRET"'
    names = {"shopify": shopify}
    errors = (pyactiveresource.connection.Error,)
    limit = reply(429, {"errors": "Exceeded 2 calls per second for api client."}, {"Retry-After": "0.0"})
    failure = reply(500, {"errors": "oops"})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /admin/api/2026-07/shop.json": {"shop": {"id": 1, "name": "Mine"}},
            "GET /admin/api/2026-07/products.json": paged(
                "page_info", {"": self._products, "p2": {"products": [{"id": 3}]}}
            ),
            "POST /admin/api/2026-07/graphql.json": {"data": {"shop": {"name": "Mine"}}},
        }

    def _products(self, request: ReceivedRequest) -> Script:
        url = f"{self.host}/admin/api/2026-07/products.json?page_info=p2&limit=2"
        return reply(200, {"products": [{"id": 1}, {"id": 2}]}, {"Link": f'<{url}>; rel="next"'})

    def connect(self, line: str) -> Any:
        shopify.ShopifyResource.activate_session(shopify.Session("x.myshopify.com", "2026-07", "x"))
        return super().connect(line)

    @pytest.fixture(autouse=True)
    def _no_session_is_left(self) -> Iterator[None]:
        yield
        shopify.ShopifyResource.clear_session()

    def credential(self, request: ReceivedRequest) -> str:
        return request.header("X-Shopify-Access-Token") or ""

    def call(self, client: None) -> None:
        assert shopify.Shop.current().name == "Mine"

    def page(self, client: None) -> None:
        pages = shopify.PaginatedIterator(shopify.Product.find(limit=2))
        assert [each.id for page in pages for each in page] == [1, 2, 3]

    def test_a_throttled_query_and_then_an_answer(self, client: None) -> None:
        """GraphQL says it in a 200, and how many points there are again in a second."""
        self.running.fake.reply(200, THROTTLED)
        answer = json.loads(shopify.GraphQL().execute("{ shop { name } }"))
        assert answer["data"] == {"shop": {"name": "Mine"}}
        assert len(self.requests) == 2

    def test_a_query_that_stays_throttled(self, client: None) -> None:
        """The app gets the 200 as it is, after our attempts."""
        self._always(reply(200, THROTTLED))
        assert json.loads(shopify.GraphQL().execute("{ shop { name } }")) == THROTTLED
        assert len(self.requests) == 3

    def test_a_shop_that_is_named_so_is_not_throttled(self, client: None) -> None:
        """The word counts where GraphQL tells its errors, and nowhere else."""
        body = {"data": {"shop": {"name": "THROTTLED"}}, "extensions": {}}
        self.running.fake.reply(200, body)
        assert json.loads(shopify.GraphQL().execute("{ shop { name } }")) == body
        assert len(self.requests) == 1
