"""OpenAI. `/v1` is part of the base URL that its SDK takes, so it is not part of ours."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage
from outrider_plugins.translate.chat import CHAT, OpenAIChat

_LIMITS = "https://developers.openai.com/api/docs/guides/rate-limits"


class OpenAI(Provider):
    """The model API."""

    name = "openai"
    title = "OpenAI"
    base_url = "https://api.openai.com"
    documentation = "https://platform.openai.com/docs/api-reference"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "quota_signs", "retry_signs", "safe_calls")
    # The SDK itself waits ten minutes for an answer (x-stainless-read-timeout: 600).
    timeout = {"response": 600.0, "idle": 600.0, "total": 600.0}

    auth = {"type": "bearer"}
    secrets = {"token": "OPENAI_API_KEY"}
    # Whose bill it is goes with the key: an app's own organization would not fit ours.
    credential_headers = ("OpenAI-Organization", "OpenAI-Project")
    probe = "GET /v1/models"

    plans = {
        "tier": Plan(
            (Published(per="model", note="requests and tokens, by tier: responses say"),),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    quota_signs = (Sign(429, words=("insufficient_quota", "billing_hard_limit_reached")),)
    # A lock that another call holds, as its SDK takes it: nothing was done.
    retry_signs = (Sign(409),)
    # Its SDK sends them again after a 408, 409 or 5xx: a second answer costs money, and changes nothing.
    safe_calls = (
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/embeddings",
        "POST /v1/moderations",
        "POST /v1/responses",
    )

    error = {
        "error": {"message": "{message}", "type": "{code}", "param": None, "code": "{code}"},
    }
    operations = {CHAT: OpenAIChat()}
    status_page = StatusPage(
        "https://status.openai.com",
        feed="https://status.openai.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "openai"
    sdk_setup = 'OpenAI(api_key="x", base_url="{url}/v1")'
