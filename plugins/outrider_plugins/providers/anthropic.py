"""Anthropic. Its SDKs sign in by either of two fields and send `anthropic-version`, which is left to them."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = "https://platform.claude.com/docs/en/api/rate-limits"


class Anthropic(Provider):
    """The Claude API."""

    name = "anthropic"
    title = "Anthropic"
    base_url = "https://api.anthropic.com"
    documentation = "https://platform.claude.com/docs/en/api/overview"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("quota_signs", "retry_signs", "safe_calls", "probe")
    # Its SDK waits ten minutes for an answer.
    timeout = {"response": 600.0, "idle": 600.0, "total": 600.0}

    auth = {"type": "header", "name": "x-api-key"}
    secrets = {"value": "ANTHROPIC_API_KEY"}
    required_headers = {"anthropic-version": "2023-06-01"}
    probe = "GET /v1/models"

    plans = {
        "tier": Plan(
            (
                Published(
                    per="model class", note="requests, input and output tokens, by tier: responses say"
                ),
                Published(counts="dollars a month", note="500 Start, 1000 Build, 200000 Scale", sure=False),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:07Z",
        "anthropic-ratelimit-input-tokens-limit": "50000",
        "anthropic-ratelimit-input-tokens-remaining": "49000",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:07Z",
    }
    # overloaded_error: too busy to begin.
    limit_signs = (Sign(529),)
    quota_signs = (Sign(429, words=("enforced_spend_limit_reached",)),)
    # A lock that another call holds, as its SDK takes it: nothing was done.
    retry_signs = (Sign(409),)
    # Its SDK sends them again after a 408, 409 or 5xx: a second answer costs money, and changes nothing.
    safe_calls = ("POST /v1/messages", "POST /v1/messages/count_tokens")

    error = {
        "type": "error",
        "error": {"type": "api_error", "message": "{message}"},
        "request_id": "{id}",
    }
    status_page = StatusPage(
        "https://status.claude.com", feed="https://status.claude.com/api/v2/summary.json", shape="statuspage"
    )
    sdk = "anthropic"
    # Without /v1, which the SDK appends.
    sdk_setup = 'Anthropic(api_key="x", base_url="{url}")'
