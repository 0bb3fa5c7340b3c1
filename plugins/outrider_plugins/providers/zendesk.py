"""Zendesk Support. Each customer has an own address; lists have the next page's URL in their bodies."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage, Urls

_LIMITS = "https://developer.zendesk.com/api-reference/introduction/rate-limits/"
_EXPORTS = Published(
    "10/m", calls=("GET /api/v2/incremental/{what}", "GET /api/v2/incremental/{what}/{how}"), sure=False
)


def _plan(rate: str) -> Plan:
    return Plan((Published(rate, sure=False), _EXPORTS), source=_LIMITS, as_of="2026-11-23")


class Zendesk(Provider):
    """The support API, with an API token: the user name is `ada@acme.example/token`."""

    name = "zendesk"
    title = "Zendesk"
    base_url_form = "https://{subdomain}.zendesk.com"
    documentation = "https://developer.zendesk.com/api-reference/"
    source = f"{_LIMITS}, https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency"
    as_of = "2026-11-23"
    unsure = ("error", "idempotency_calls", "retry_signs", "token_paths")

    auth = {"type": "basic"}
    secrets = {"username": "ZENDESK_USERNAME", "password": "ZENDESK_API_TOKEN"}
    token_paths = ("POST /oauth/tokens",)
    probe = "GET /api/v2/users/me.json"

    plans = {
        "team": _plan("200/m"),
        "growth": _plan("400/m"),
        "professional": _plan("400/m"),
        "enterprise": _plan("700/m"),
        "enterprise-plus": _plan("2500/m"),
    }
    limit_headers = {
        "X-Rate-Limit": "700",
        "X-Rate-Limit-Remaining": "699",
        "ratelimit-limit": "700",
        "ratelimit-remaining": "699",
        "ratelimit-reset": "41",
        "zendesk-ratelimit-tickets-index": "total=100; remaining=99; resets=41",
    }
    retry_signs = (Sign(409, words=("DatabaseConflict",)),)
    idempotency_header = "Idempotency-Key"
    idempotency_calls = ("POST /api/v2/tickets", "POST /api/v2/tickets.json")
    sdk_obeys_retry_after = True

    error = {"error": "{code}", "description": "{message}"}
    urls = (Urls("GET", ("next_page", "previous_page", "after_url", "next", "prev")),)
    status_page = StatusPage("https://status.zendesk.com", sure=False)
    sdk = "zenpy"
    sdk_setup = (
        'subdomain, _, domain = "{url}".split("/")[2].rpartition("."); client = Zenpy('
        'domain=domain, subdomain=subdomain, email="x", token="x", session=through("{url}"))'
    )
    sdk_note = "A community's. It insists on https: `through` is in docs/sdks.md."
