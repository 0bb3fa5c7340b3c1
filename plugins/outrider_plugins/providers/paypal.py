"""PayPal. Its SDK fetches a token by itself: that call is answered here, and the real one fetched by us."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage

_API = "https://developer.paypal.com/api/rest/"
_LIMITS = "https://developer.paypal.com/api/rate-limiting"


class PayPal(Provider):
    """The REST API. The URLs in its bodies are for a browser, and stay."""

    name = "paypal"
    title = "PayPal"
    base_url = "https://api-m.paypal.com"
    regions = {"sandbox": "https://api-m.sandbox.paypal.com"}
    documentation = _API
    source = f"{_LIMITS}, https://developer.paypal.com/api/rest/reference/idempotency/"
    as_of = "2026-11-23"
    unsure = ("error", "idempotency_calls", "probe")

    auth = {"type": "oauth2", "grant": "client_credentials", "token_url": "/v1/oauth2/token"}
    secrets = {"client_id": "PAYPAL_CLIENT_ID", "client_secret": "PAYPAL_CLIENT_SECRET"}
    token_paths = ("POST /v1/oauth2/token",)
    probe = "GET /v1/notifications/webhooks-event-types"

    plans = {
        "any": Plan(
            (Published(note="they vary; tokens are counted too"),),
            source=_LIMITS,
            as_of="2026-11-25",
        )
    }
    idempotency_header = "PayPal-Request-Id"
    # "Not all APIs support this header": those whose reference has it.
    idempotency_calls = (
        "POST /v2/checkout/orders",
        "POST /v2/checkout/orders/{id}/authorize",
        "POST /v2/checkout/orders/{id}/capture",
        "POST /v2/payments/authorizations/{id}/capture",
        "POST /v2/payments/authorizations/{id}/reauthorize",
        "POST /v2/payments/captures/{id}/refund",
        "POST /v1/payments/payouts",
        "POST /v1/billing/plans",
        "POST /v1/billing/subscriptions",
        "POST /v1/catalogs/products",
        "POST /v3/vault/payment-tokens",
        "POST /v3/vault/setup-tokens",
    )

    error = {"name": "{code}", "message": "{message}", "debug_id": "{id}"}
    status_page = StatusPage(
        "https://www.paypal-status.com", feed="https://www.paypal-status.com/feed/atom", shape="atom"
    )
    sdk = "paypal-server-sdk"
    sdk_setup = 'Configuration.environments[Environment.SANDBOX][Server.DEFAULT] = "{url}"'
    sdk_note = "Or `Environment.PRODUCTION`, whichever the client is made with."
