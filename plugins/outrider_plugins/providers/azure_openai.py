"""Azure OpenAI: each resource has a host of its own, so the file says which."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage
from outrider_plugins.translate.chat import CHAT, AzureChat

_LIMITS = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
_READS = ("chat/completions", "completions", "embeddings", "responses")


class AzureOpenAI(Provider):
    """OpenAI's models in Azure, by a key of the resource; by Entra ID write an `oauth2` table."""

    name = "azure_openai"
    title = "Azure OpenAI"
    base_url_form = "https://{resource}.openai.azure.com"
    documentation = "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "limit_headers", "retry_signs", "safe_calls", "probe", "url_headers")
    timeout = {"response": 600.0, "idle": 600.0, "total": 600.0}

    auth = {"type": "header", "name": "api-key"}
    secrets = {"value": "AZURE_OPENAI_API_KEY"}
    probe = "GET /openai/models?api-version=2024-10-21"

    plans = {
        "any": Plan(
            (Published(per="deployment", note="tokens and requests of the region's quota: responses say"),),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "9980",
    }
    # A lock that another call holds, as its SDK takes it: nothing was done.
    retry_signs = (Sign(409),)
    # Its SDK sends them again after a 408, 409 or 5xx: a second answer costs money, and changes nothing.
    safe_calls = (
        *(f"POST /openai/deployments/{{deployment}}/{call}" for call in _READS),
        *(f"POST /openai/v1/{call}" for call in _READS),
    )

    error = {"error": {"code": "{code}", "message": "{message}"}}
    url_headers = ("Operation-Location",)
    operations = {CHAT: AzureChat()}
    status_page = StatusPage(
        "https://azure.status.microsoft",
        feed="https://azure.status.microsoft/en-us/status/feed/",
        shape="rss",
    )
    sdk = "openai"
    sdk_setup = 'AzureOpenAI(api_key="x", azure_endpoint="{url}", api_version="2024-10-21")'
    sdk_note = 'For the v1 API: `OpenAI(api_key="x", base_url="{url}/openai/v1")`.'
