"""OpenRouter. A 402 is a limit, a spent balance or a key's own cap: only its body says which."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage
from outrider_plugins.translate.chat import CHAT, OpenRouterChat

_LIMITS = "https://openrouter.ai/docs/api_reference/limits"
_FREE = Published("20/m", note="models whose name ends in :free")


class OpenRouter(Provider):
    """The model API, in OpenAI's shape."""

    name = "openrouter"
    title = "OpenRouter"
    base_url = "https://openrouter.ai"
    documentation = "https://openrouter.ai/docs/api-reference/overview"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("safe_calls", "status_page")
    timeout = {"response": 600.0, "idle": 600.0, "total": 600.0}

    auth = {"type": "bearer"}
    secrets = {"token": "OPENROUTER_API_KEY"}
    probe = "GET /api/v1/key"

    plans = {
        "free": Plan(
            (_FREE, Published("50/d", note="models whose name ends in :free; by days in UTC")),
            source=_LIMITS,
            as_of="2026-11-23",
            note="free models, fewer than 10 credits ever bought",
        ),
        "free-with-credits": Plan(
            (_FREE, Published("1000/d", note="models whose name ends in :free; by days in UTC")),
            source=_LIMITS,
            as_of="2026-11-23",
            note="free models, at least 10 credits bought",
        ),
        "paid": Plan(
            (Published(note="no limit of the platform's"),),
            source=_LIMITS,
            as_of="2026-11-23",
        ),
    }
    limit_headers = {
        "X-RateLimit-Limit": "20",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1795392000000",
    }
    limit_signs = (Sign(402, field="Retry-After", words=("openrouter_in_flight_budget",)),)
    quota_signs = (Sign(402, words=("openrouter_credits", "openrouter_key_limit", "weight_exceeds_budget")),)
    # A second answer costs money, and changes nothing.
    safe_calls = (
        "POST /api/v1/chat/completions",
        "POST /api/v1/completions",
        "POST /api/v1/embeddings",
        "POST /api/v1/responses",
    )

    # Its SDK insists on a number.
    error = {"error": {"code": "{status}", "message": "{message}"}}
    operations = {CHAT: OpenRouterChat()}
    status_page = StatusPage("https://status.openrouter.ai", sure=False)
    sdk = "openrouter"
    sdk_setup = 'OpenRouter(api_key="x", server_url="{url}/api/v1", retry_config=None)'
    sdk_note = "Without `retry_config=None` it tries again for an hour after a 5xx, whatever responses say."
