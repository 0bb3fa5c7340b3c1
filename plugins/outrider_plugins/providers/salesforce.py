"""Salesforce. Each org has its own address, tokens do not say when they end, and a spent limit is a 403."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = (
    "https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet"
    "/guide/salesforce-app-limits-platform-api.html"
)


def _plan(calls: str, long_ones: int) -> Plan:
    return Plan(
        (
            Published(calls, note="what the edition has, without what licences add", sure=False),
            Published(concurrency=long_ones, counts="calls of 20 s and longer"),
        ),
        source=_LIMITS,
        as_of="2026-11-25",
    )


class Salesforce(Provider):
    """The REST API of one org, by a connected app's client credentials."""

    name = "salesforce"
    title = "Salesforce"
    base_url_form = "https://{domain}.my.salesforce.com"
    documentation = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest"
    source = _LIMITS
    as_of = "2026-11-25"
    unsure = ("auth", "error", "limit_headers", "limit_signs", "probe", "quota_signs", "retry_signs")
    # "The timeout limit for REST and SOAP API calls is 10 minutes".
    timeout = {"response": 600.0, "total": 600.0}

    auth = {"type": "oauth2", "grant": "client_credentials", "token_url": "/services/oauth2/token"}
    secrets = {"client_id": "SALESFORCE_CLIENT_ID", "client_secret": "SALESFORCE_CLIENT_SECRET"}
    token_paths = ("POST /services/oauth2/token",)
    probe = "GET /services/data/v62.0/limits"

    plans = {"enterprise": _plan("100000/d", 25), "developer": _plan("15000/d", 5)}
    limit_headers = {"Sforce-Limit-Info": "api-usage=18/15000"}
    limit_signs = (Sign(403, words=("REQUEST_LIMIT_EXCEEDED",)),)
    # Those of the last 24 hours; too many at once is the same code with another text, and passes.
    quota_signs = (Sign(403, words=("TotalRequests Limit exceeded",)),)
    retry_signs = (Sign(400, words=("UNABLE_TO_LOCK_ROW",)), Sign(503, words=("SERVER_UNAVAILABLE",)))

    error = [{"message": "{message}", "errorCode": "{code}"}]
    status_page = StatusPage(
        "https://status.salesforce.com",
        feed="https://api.status.salesforce.com/v1/instances",
        shape="json",
    )
    sdk = "simple-salesforce"
    sdk_setup = 'Salesforce(instance="x", session_id="x", session=through("{url}"))'
    sdk_note = "A community's. It insists on https: `through` is in docs/sdks.md."
