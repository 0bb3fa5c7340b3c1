"""Plaid. Every call is a POST; a wrong key is a 400; an app may have its keys in fields or in the body."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = "https://plaid.com/docs/errors/rate-limit-exceeded/"


class Plaid(Provider):
    """The API of banks' data."""

    name = "plaid"
    title = "Plaid"
    base_url = "https://production.plaid.com"
    regions = {"sandbox": "https://sandbox.plaid.com"}
    documentation = "https://plaid.com/docs/api/"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "refusal_signs", "safe_calls")

    auth = {"type": "headers"}
    secrets = {"fields.PLAID-CLIENT-ID": "PLAID_CLIENT_ID", "fields.PLAID-SECRET": "PLAID_SECRET"}
    credential_headers = ("PLAID-CLIENT-ID", "PLAID-SECRET")
    credential_members = ("client_id", "secret")
    refusal_signs = (Sign(400, words=("INVALID_API_KEYS",)),)

    plans = {
        "any": Plan(
            (
                Published("2500/m", calls=("POST /transactions/sync",), sure=False),
                Published("50/m", calls=("POST /transactions/sync",), per="Item", sure=False),
                Published(per="endpoint and Item", note="the page has a table"),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    safe_calls = (
        "POST /{product}/get",
        "POST /{product}/{part}/get",
        "POST /{product}/list",
        "POST /{product}/{part}/list",
        "POST /transactions/sync",
        "POST /institutions/get_by_id",
        "POST /institutions/search",
    )
    idempotency_field = "idempotency_key"  # of Transfer

    error = {
        "error_type": "API_ERROR",
        "error_code": "{code}",
        "error_message": "{message}",
        "display_message": None,
        "request_id": "{id}",
    }
    status_page = StatusPage(
        "https://status.plaid.com",
        feed="https://status.plaid.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "plaid-python"
    sdk_setup = 'plaid.ApiClient(plaid.Configuration(host="{url}"))'
