"""Cloudflare. `/client/v4` is part of the base URL that its SDK takes, so it is not part of ours."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = "https://developers.cloudflare.com/fundamentals/api/reference/limits/"
_GRAPHQL = "POST /client/v4/graphql"


class Cloudflare(Provider):
    """The API of zones and accounts, with an API token."""

    name = "cloudflare"
    title = "Cloudflare"
    base_url = "https://api.cloudflare.com"
    documentation = "https://developers.cloudflare.com/api/"
    source = _LIMITS
    as_of = "2026-11-25"
    unsure = ("error", "probe", "refusal_signs", "safe_calls")

    auth = {"type": "bearer"}
    secrets = {"token": "CLOUDFLARE_API_TOKEN"}
    credential_headers = ("X-Auth-Email", "X-Auth-Key", "X-Auth-User-Service-Key")
    refusal_signs = (Sign(400, words=("Authentication error",)), Sign(403, words=("Authentication error",)))
    probe = "GET /client/v4/user/tokens/verify"

    plans = {
        "any": Plan(
            (
                Published("1200/300s", note="a user's, dashboard included; then nothing for 5 minutes"),
                Published("200/s", note="an IP address's"),
                Published("320/300s", calls=(_GRAPHQL,), note="at most: by cost"),
            ),
            source=_LIMITS,
            as_of="2026-11-25",
        )
    }
    limit_headers = {
        "Ratelimit": '"default";r=1199;t=300',
        "Ratelimit-Policy": '"default";q=1200;w=300',
    }
    safe_calls = (_GRAPHQL,)  # analytics: there are no mutations

    error = {
        "success": False,
        "errors": [{"code": "{status}", "message": "{message}"}],
        "messages": [],
        "result": None,
    }
    status_page = StatusPage(
        "https://www.cloudflarestatus.com",
        feed="https://www.cloudflarestatus.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "cloudflare"
    sdk_setup = 'Cloudflare(api_token="x", base_url="{url}/client/v4")'
