"""Shopify's Admin API. GraphQL says "slow down" in a 200, in points; REST with a 429, in calls."""

from __future__ import annotations

from typing import Any

from outrider.plugin import Plan, Provider, Published, Response, Sign, StatusPage, json_of

_LIMITS = "https://shopify.dev/docs/api/usage/limits"
_GRAPHQL = "POST /admin/api/{version}/graphql.json"
#: Every REST call, and not GraphQL: what is created at the first level has a plural's name.
_REST = (
    "GET /admin/api/{version}/{name}",
    "POST /admin/api/{version}/{name}s.json",
    *(
        f"{method} /admin/api/{{version}}/{'/'.join(('{a}', '{b}', '{c}', '{d}')[:depth])}"
        for method in ("GET", "POST", "PUT", "DELETE")
        for depth in (2, 3, 4)
    ),
)


def _plan(calls: int, points: int) -> Plan:
    return Plan(
        (
            Published(f"{calls}/s", burst=20 * calls, calls=_REST, note="the burst is not sure"),
            Published(f"{points}/s", calls=(_GRAPHQL,), counts="points of cost"),
        ),
        source=_LIMITS,
        as_of="2026-11-23",
    )


class Shopify(Provider):
    """The Admin API of one shop, REST and GraphQL."""

    name = "shopify"
    title = "Shopify"
    base_url_form = "https://{shop}.myshopify.com"
    documentation = "https://shopify.dev/docs/api/admin"
    source = f"{_LIMITS}, https://shopify.dev/docs/api/admin-rest/usage/rate-limits"
    as_of = "2026-11-23"
    unsure = ("error", "probe", "limit_signs", "token_paths")

    auth = {"type": "header", "name": "X-Shopify-Access-Token"}
    secrets = {"value": "SHOPIFY_ACCESS_TOKEN"}
    credential_headers = ("X-Shopify-Access-Token",)
    token_paths = ("POST /admin/oauth/access_token",)
    probe = "GET /admin/api/2026-07/shop.json"

    plans = {"standard": _plan(2, 100), "advanced": _plan(4, 200), "plus": _plan(20, 1000)}
    limit_headers = {"X-Shopify-Shop-Api-Call-Limit": "32/40"}
    limit_signs = (Sign(430),)  # "security rejection": back off
    judged_calls = (_GRAPHQL,)

    error = {"errors": "{message}"}
    status_page = StatusPage(
        "https://www.shopifystatus.com",
        feed="https://www.shopifystatus.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "ShopifyAPI"
    sdk_setup = 'shopify.ShopifyResource.site = "{url}/admin/api/2026-07"'
    sdk_note = "After `activate_session`, which sets the shop's own address."

    def limited(self, response: Response) -> bool:
        """Whether it is a 429, a 430, or GraphQL's THROTTLED."""
        return super().limited(response) or _throttled(response) is not None

    def retry_after(self, response: Response) -> float | None:
        """Give the seconds until the points of a throttled query are there again."""
        cost = _throttled(response)
        try:
            status = cost["throttleStatus"] if cost else {}
            lacking = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"]) if cost else 0
            return max(0.0, lacking / float(status["restoreRate"])) if cost else None
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None


def _throttled(response: Response) -> dict[str, Any] | None:
    """Give the cost of a GraphQL query that was throttled, {} where that is not told; None for any other."""
    if response.status != 200 or "THROTTLED" not in response.text:
        return None
    answer = json_of(response)
    try:
        codes = [error["extensions"]["code"] for error in answer["errors"]]
    except (KeyError, TypeError):
        return None
    if "THROTTLED" not in codes:
        return None
    cost = (answer.get("extensions") or {}).get("cost")
    return cost if isinstance(cost, dict) else {}
