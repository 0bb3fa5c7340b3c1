"""Algolia. Each application has own hosts, which are each other's fallbacks; queries are POSTs that read."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = "https://www.algolia.com/doc/guides/scaling/algolia-service-limits"


class Algolia(Provider):
    """The search API. `{app}-1.algolianet.com` to `-3` are further integrations, as `fallback.targets`."""

    name = "algolia"
    title = "Algolia"
    base_url_form = "https://{app}.algolia.net"
    documentation = "https://www.algolia.com/doc/rest-api/search"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "refusal_signs", "safe_calls", "probe")

    auth = {"type": "headers"}
    secrets = {
        "fields.X-Algolia-Application-Id": "ALGOLIA_APP_ID",
        "fields.X-Algolia-API-Key": "ALGOLIA_API_KEY",
    }
    credential_headers = ("X-Algolia-Application-Id", "X-Algolia-API-Key")
    credential_query = ("x-algolia-application-id", "x-algolia-api-key")
    refusal_signs = (Sign(403, words=("Invalid Application-ID or API key",)),)
    probe = "GET /1/indexes"

    plans = {
        "any": Plan(
            (
                Published(per="IP address", note="an hour, as the key says; all calls come from one here"),
                Published(counts="indexing tasks", note="slower from 100 that wait, refused from 5,000"),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    safe_calls = (
        "POST /1/indexes/{index}/query",
        "POST /1/indexes/{index}/queries",
        "POST /1/indexes/{index}/browse",
        "POST /1/indexes/{index}/objects",
        "POST /1/indexes/{index}/recommendations",
        "POST /1/indexes/{index}/facets/{facet}/query",
    )

    error = {"message": "{message}", "status": "{status}"}
    status_page = StatusPage(
        "https://status.algolia.com", feed="https://status.algolia.com/1/status", shape="json"
    )
    sdk = "algoliasearch"
    sdk_setup = (
        'config = SearchConfig("x", "x"); config.max_rate_limit_retries = 0; '
        'config.hosts = HostsCollection([Host("{bare_url}", scheme="http")]); '
        "client = SearchClientSync.create_with_config(config)"
    )
    sdk_note = "After a 5xx it sets its only host aside for five minutes."
