"""Mistral AI. `/v1` is appended by its SDK."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage
from outrider_plugins.translate.chat import CHAT, MistralChat

_LIMITS = "https://docs.mistral.ai/deployment/laplateforme/tier/"


class Mistral(Provider):
    """The model API."""

    name = "mistral"
    title = "Mistral AI"
    base_url = "https://api.mistral.ai"
    documentation = "https://docs.mistral.ai/api/"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "limit_headers", "safe_calls", "probe")
    timeout = {"response": 600.0, "idle": 600.0, "total": 600.0}

    auth = {"type": "bearer"}
    secrets = {"token": "MISTRAL_API_KEY"}
    probe = "GET /v1/models"

    plans = {
        "tier": Plan(
            (
                Published(
                    per="workspace", note="requests a second and tokens, by tier: only the console shows them"
                ),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "x-ratelimit-limit-req-minute": "60",
        "x-ratelimit-remaining-req-minute": "59",
        "x-ratelimit-limit-tokens-minute": "500000",
        "x-ratelimit-remaining-tokens-minute": "499000",
    }
    # A second answer costs money, and changes nothing.
    safe_calls = (
        "POST /v1/chat/completions",
        "POST /v1/fim/completions",
        "POST /v1/agents/completions",
        "POST /v1/embeddings",
        "POST /v1/moderations",
    )

    error = {"object": "error", "message": "{message}", "type": "{code}", "param": None, "code": "{code}"}
    operations = {CHAT: MistralChat()}
    status_page = StatusPage(
        "https://status.mistral.ai", feed="https://status.mistral.ai/feed.rss", shape="rss", sure=False
    )
    sdk = "mistralai"
    sdk_setup = 'Mistral(api_key="x", server_url="{url}")'
