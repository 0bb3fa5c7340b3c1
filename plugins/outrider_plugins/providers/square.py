"""Square. Idempotency keys stand in the body; its SDK retries POSTs too, and no field stops it."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage

_API = "https://developer.squareup.com/docs/build-basics"
_LIMITS = "https://developer.squareup.com/forums/t/getting-rate-limited-error-on-a-dev-server/7842"


class Square(Provider):
    """The payment API."""

    name = "square"
    title = "Square"
    base_url = "https://connect.squareup.com"
    regions = {"sandbox": "https://connect.squareupsandbox.com"}
    documentation = "https://developer.squareup.com/reference/square"
    source = _API
    as_of = "2026-11-23"
    unsure = ("error", "token_paths")

    auth = {"type": "bearer"}
    secrets = {"token": "SQUARE_TOKEN"}
    token_paths = ("POST /oauth2/token",)
    probe = "GET /v2/locations"

    plans = {"any": Plan((Published(note="but there are some"),), source=_LIMITS, as_of="2026-11-25")}
    idempotency_field = "idempotency_key"

    error = {"errors": [{"category": "API_ERROR", "code": "{code}", "detail": "{message}"}]}
    status_page = StatusPage(
        "https://issquareup.com", feed="https://issquareup.com/api/v2/status.json", shape="statuspage"
    )
    sdk = "squareup"
    sdk_setup = 'Square(token="x", base_url="{url}")'
    sdk_note = (
        "It tries each call three times, a POST too, whatever it is told: "
        '`request_options={"max_retries": 0}` on a call turns that off.'
    )
