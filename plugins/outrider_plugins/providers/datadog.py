"""Datadog. Two keys, and a wrong one is a 403; each limit has a name and is of a part of the API."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = "https://docs.datadoghq.com/api/latest/rate-limits/"


class Datadog(Provider):
    """The API of one site. Logs are taken in at another host."""

    name = "datadog"
    title = "Datadog"
    base_url = "https://api.datadoghq.com"
    hosts = {"logs": "https://http-intake.logs.datadoghq.com"}
    regions = {
        "us3": "https://api.us3.datadoghq.com",
        "us5": "https://api.us5.datadoghq.com",
        "eu": "https://api.datadoghq.eu",
        "ap1": "https://api.ap1.datadoghq.com",
        "gov": "https://api.ddog-gov.com",
    }
    documentation = "https://docs.datadoghq.com/api/latest/"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "refusal_signs", "safe_calls")

    auth = {"type": "headers"}
    secrets = {"fields.DD-API-KEY": "DD_API_KEY", "fields.DD-APPLICATION-KEY": "DD_APP_KEY"}
    credential_headers = ("DD-API-KEY", "DD-APPLICATION-KEY")
    credential_query = ("api_key", "application_key")
    refusal_signs = (Sign(403, words=('["Forbidden"]',)),)  # what a key may not do says more
    probe = "GET /api/v1/validate"

    plans = {
        "any": Plan(
            (
                Published("100/h", calls=("GET /api/v1/metrics",), note="metric retrieval"),
                Published("1600/h", calls=("GET /api/v1/query",), note="timeseries"),
                Published("300/h", calls=("POST /api/v1/logs-queries/list",), note="log query"),
                Published("60/h", calls=("GET /api/v1/graph/snapshot",)),
                Published("500000/h", calls=("POST /api/v1/events",)),
                Published(counts="metrics sent", note="not limited"),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
            note="an organization's; which calls each is for is not sure",
        )
    }
    limit_headers = {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Period": "3600",
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": "1200",
        "X-RateLimit-Name": "metrics_list",
    }
    safe_calls = (
        "POST /api/v1/logs-queries/list",
        "POST /api/v2/logs/events/search",
        "POST /api/v2/logs/analytics/aggregate",
        "POST /api/v2/query/timeseries",
        "POST /api/v2/query/scalar",
        "POST /api/v2/spans/events/search",
        "POST /api/v2/rum/events/search",
    )

    error = {"errors": ["{message}"]}
    status_page = StatusPage(
        "https://status.datadoghq.com",
        feed="https://status.datadoghq.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "datadog-api-client"
    sdk_setup = 'ApiClient(Configuration(host="{url}"))'
