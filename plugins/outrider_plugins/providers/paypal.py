"""PayPal. Its SDK fetches a token by itself: that call is answered here, and the real one fetched by us."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage

_API = "https://developer.paypal.com/api/rest/"


class PayPal(Provider):
    """The REST API. The URLs in its bodies are for a browser, and stay."""

    name = "paypal"
    title = "PayPal"
    base_url = "https://api-m.paypal.com"
    regions = {"sandbox": "https://api-m.sandbox.paypal.com"}
    documentation = _API
    source = "https://developer.paypal.com/api/rest/reference/idempotency/"
    as_of = "2026-11-23"
    unsure = ("error", "idempotency_header", "probe")

    auth = {"type": "oauth2", "grant": "client_credentials", "token_url": "/v1/oauth2/token"}
    secrets = {"client_id": "PAYPAL_CLIENT_ID", "client_secret": "PAYPAL_CLIENT_SECRET"}
    token_paths = ("POST /v1/oauth2/token",)
    probe = "GET /v1/notifications/webhooks-event-types"

    plans = {
        "any": Plan(
            (Published(note="no numbers published; it varies", sure=False),), source=_API, as_of="2026-11-23"
        )
    }
    idempotency_header = "PayPal-Request-Id"

    error = {"name": "{code}", "message": "{message}", "debug_id": "{id}"}
    status_page = StatusPage(
        "https://www.paypal-status.com", feed="https://www.paypal-status.com/feed/atom", shape="atom"
    )
    sdk = "paypal-server-sdk"
    sdk_setup = 'Configuration.environments[Environment.SANDBOX][Server.DEFAULT] = "{url}"'
