"""HubSpot. Its SDK retries on Retry-After alone; a spent day is a 429 too, and no wait helps."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Response, Sign, StatusPage

_USAGE = "https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"
_ERRORS = "https://developers.hubspot.com/docs/api-reference/error-handling"
_NUMBERS = "https://developers.hubspot.com/changelog/increasing-our-api-limits"
_SEARCH = Published("5/s", calls=("POST /crm/v3/objects/{type}/search",), sure=False)


def _plan(*limits: Published) -> Plan:
    return Plan((*limits, _SEARCH), source=_NUMBERS, as_of="2026-11-23")


class HubSpot(Provider):
    """The CRM's API, with the token of a private app."""

    name = "hubspot"
    title = "HubSpot"
    base_url = "https://api.hubapi.com"
    documentation = "https://developers.hubspot.com/docs/api-reference"
    source = f"{_USAGE}, {_ERRORS}, {_NUMBERS}"
    as_of = "2026-11-25"
    unsure = ("error", "limit_headers", "probe", "quota_signs", "safe_calls")

    auth = {"type": "bearer"}
    secrets = {"token": "HUBSPOT_ACCESS_TOKEN"}
    credential_query = ("hapikey",)
    token_paths = ("POST /oauth/v1/token",)
    probe = "GET /account-info/v3/details"

    plans = {
        "starter": _plan(Published("100/10s", sure=False), Published("250000/d", sure=False)),
        "professional": _plan(Published("190/10s"), Published("650000/d")),
        "enterprise": _plan(Published("190/10s"), Published("1000000/d")),
        "limit-increase": _plan(Published("250/10s"), Published("2000000/d", note="enterprise and one pack")),
        "public-app": _plan(Published("110/10s", note="for each account that installed it", sure=False)),
    }
    limit_headers = {
        "X-HubSpot-RateLimit-Max": "190",
        "X-HubSpot-RateLimit-Remaining": "189",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Daily": "650000",
        "X-HubSpot-RateLimit-Daily-Remaining": "649999",
    }
    limit_signs = (Sign(477),)  # the account is being moved: Retry-After says for how long, up to a day
    quota_signs = (Sign(429, words=('"DAILY"',)),)  # policyName
    retry_signs = (Sign(423),)  # much at once has locked it: see retry_after
    safe_calls = ("POST /crm/v3/objects/{type}/search", "POST /crm/v3/objects/{type}/batch/read")
    sdk_obeys_retry_after = True

    error = {
        "status": "error",
        "message": "{message}",
        "correlationId": "{id}",
        "category": "{code}",
    }
    status_page = StatusPage(
        "https://status.hubspot.com",
        feed="https://status.hubspot.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "hubspot-api-client"
    sdk_setup = 'hubspot.Client.create(access_token="x", host="{url}")'

    def retry_after(self, response: Response) -> float | None:
        """Give the seconds that a lock lasts."""
        return 2.0 if response.status == 423 else None
