"""Gemini by an API key. Its SDK uploads files to a URL that a field of a response names."""

from __future__ import annotations

from outrider.plugin import Plan, Published, Sign, StatusPage

from ._google import Google

_LIMITS = "https://ai.google.dev/gemini-api/docs/rate-limits"
_READS = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
)


class Gemini(Google):
    """The Gemini API of Google AI Studio; Vertex AI is of `gcp`."""

    name = "gemini"
    title = "Google Gemini"
    base_url = "https://generativelanguage.googleapis.com"
    documentation = "https://ai.google.dev/api"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error_body", "retry_after", "refusal_signs", "quota_signs", "safe_calls", "probe")
    timeout = {"response": 600.0, "idle": 600.0, "total": 600.0}

    auth = {"type": "header", "name": "x-goog-api-key"}
    secrets = {"value": "GEMINI_API_KEY"}
    credential_query = ("key", "access_token")
    refusal_signs = (Sign(400, words=("API_KEY_INVALID",)),)
    probe = "GET /v1beta/models"

    plans = {
        "tier": Plan(
            (Published(per="model", note="requests and input tokens by tier: only AI Studio shows them"),),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    # A quota of the day: it is spent until midnight in California.
    quota_signs = (Sign(429, words=("PerDay",)),)
    safe_calls = tuple(f"POST /{v}/models/{{model}}:{call}" for v in ("v1", "v1beta") for call in _READS)

    url_headers = ("X-Goog-Upload-URL", "X-Goog-Upload-Control-URL")
    status_page = StatusPage("https://aistudio.google.com/status")
    sdk = "google-genai"
    sdk_setup = 'genai.Client(api_key="x", http_options=types.HttpOptions(base_url="{url}"))'
    sdk_note = "Its Live API insists on wss://, so it needs a listener with TLS."
