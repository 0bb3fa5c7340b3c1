"""Stripe. Its SDK sends the key as a Bearer token; Basic with the key as user name works too."""

from __future__ import annotations

from collections.abc import Mapping

from outrider.plugin import Plan, Problem, Provider, Published, Sign, StatusPage

_LIMITS = "https://docs.stripe.com/rate-limits"
_EVERYWHERE = (
    Published("25/s", per="endpoint", note="unless listed"),
    Published("20/s", calls=("GET /v1/files", "GET /v1/files/{id}")),
    Published("20/s", calls=("POST /v1/files",)),
    Published("20/s", calls=("GET /v1/{resource}/search",)),
    Published("1000/h", per="PaymentIntent", note="updates"),
    Published("10/m", per="subscription", note="new invoices; 20 a day"),
    Published("15/s", concurrency=30, calls=("POST /v1/payouts",), sure=False),
)


class Stripe(Provider):
    """The payment API."""

    name = "stripe"
    title = "Stripe"
    base_url = "https://api.stripe.com"
    hosts = {
        "files": "https://files.stripe.com",
        "connect": "https://connect.stripe.com",
        "meter-events": "https://meter-events.stripe.com",
    }
    documentation = "https://docs.stripe.com/api"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error_body", "retry_signs")

    auth = {"type": "bearer"}
    secrets = {"token": "STRIPE_API_KEY"}
    probe = "GET /v1/balance"

    plans = {
        "live": Plan(
            (
                Published("100/s"),
                *_EVERYWHERE,
                Published("1000/s", calls=("POST /v1/billing/meter_events",)),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        ),
        "sandbox": Plan((Published("25/s"), *_EVERYWHERE), source=_LIMITS, as_of="2026-11-23"),
    }
    # Another call holds the object, or is the first with this key: nothing was done.
    retry_signs = (Sign(409, words=("lock_timeout", "idempotency_key_in_use")),)
    idempotency_header = "Idempotency-Key"
    stop_headers = (("Stripe-Should-Retry", "false"),)

    status_page = StatusPage(
        "https://www.stripestatus.com",
        feed="https://www.stripestatus.com/api/v2/summary.json",
        shape="statuspage",
        sure=False,
    )
    sdk = "stripe"
    # Without a slash at the end: the SDK appends "/v1/...".
    sdk_setup = 'stripe.StripeClient("x", base_addresses={"api": "{url}", "files": "{url}/_hosts/files"})'

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give the envelope that the SDK makes an `APIError` of, by its type and code."""
        kind = "invalid_request_error" if problem.status < 500 and problem.status != 429 else "api_error"
        code = {401: "api_key_expired", 429: "rate_limit"}.get(problem.status)
        error: dict[str, object] = {"type": kind, "message": f"{problem.detail} ({problem.outrider_id})"}
        if code is not None:
            error["code"] = code
        return {"error": error}
