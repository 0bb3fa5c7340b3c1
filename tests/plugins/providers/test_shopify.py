"""Shopify: what counts as a REST call, and how GraphQL says "slow down"."""

import pytest

from outrider.response import respond
from outrider_plugins.providers.shopify import Shopify

THROTTLED = {
    "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
    "extensions": {
        "cost": {
            "requestedQueryCost": 252,
            "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 52, "restoreRate": 100},
        }
    },
}


@pytest.mark.parametrize(
    ("call", "counts"),
    [
        ("GET shop.json", True),
        ("GET products.json", True),
        ("POST products.json", True),
        ("GET products/1.json", True),
        ("PUT products/1.json", True),
        ("DELETE products/1/images/2.json", True),
        ("POST inventory_levels/adjust.json", True),
        ("POST graphql.json", False),
    ],
)
def test_calls_are_counted_where_calls_are_what_counts(call: str, counts: bool) -> None:
    """GraphQL counts points, so the limit of REST is not for it."""
    (limit,) = Shopify.plans["standard"].kept()
    method, _, rest = call.partition(" ")

    matches = any(each.matches(method, f"/admin/api/2026-07/{rest}") for each in limit.endpoints or ())

    assert matches == counts


def test_a_throttled_query_says_when_there_are_points_again() -> None:
    """Those that it lacks, at the rate at which they come back."""
    response = respond(200, THROTTLED)

    assert Shopify().limited(response)
    assert Shopify().retry_after(response) == 2.0


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"product": {"title": "THROTTLED"}}},
        {"errors": "THROTTLED"},
        {"errors": [{"message": "THROTTLED"}]},
        ["THROTTLED"],
    ],
)
def test_the_word_alone_is_no_limit(body: object) -> None:
    """Only where GraphQL has the code of an error."""
    response = respond(200, body)

    assert not Shopify().limited(response)
    assert Shopify().retry_after(response) is None


@pytest.mark.parametrize(
    "extensions",
    [None, {}, {"cost": None}, {"cost": {"throttleStatus": {}}}, {"cost": {"requestedQueryCost": "x"}}],
)
def test_a_cost_that_is_not_told_is_no_time(extensions: object) -> None:
    """It is a limit all the same; how long to wait is ours to say."""
    response = respond(200, {**THROTTLED, "extensions": extensions})

    assert Shopify().limited(response)
    assert Shopify().retry_after(response) is None
