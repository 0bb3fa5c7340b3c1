"""Notion. Queries are POSTs that read; too much load is a 529, two writers at once a 409."""

from __future__ import annotations

from collections.abc import Mapping

from outrider.plugin import Plan, Problem, Provider, Published, Sign, StatusPage

_LIMITS = "https://developers.notion.com/reference/request-limits"
#: Its SDK makes an APIResponseError of the codes it knows.
_CODES = {401: "unauthorized", 403: "restricted_resource", 404: "object_not_found", 429: "rate_limited"}


class Notion(Provider):
    """The API of a workspace, with the token of an integration of Notion's."""

    name = "notion"
    title = "Notion"
    base_url = "https://api.notion.com"
    documentation = "https://developers.notion.com/reference"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("safe_calls", "token_paths")

    auth = {"type": "bearer"}
    secrets = {"token": "NOTION_TOKEN"}
    token_paths = ("POST /v1/oauth/token",)
    required_headers = {"Notion-Version": "2025-09-03"}
    probe = "GET /v1/users/me"

    plans = {
        "any": Plan(
            (
                Published(
                    "180/m",
                    note="3 a second, as an older text has it; by the workspace's plan in a newer one",
                    sure=False,
                ),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_signs = (Sign(529),)  # service_overload
    retry_signs = (Sign(409, words=("conflict_error",)),)  # another write came between: nothing was done
    safe_calls = (
        "POST /v1/search",
        "POST /v1/databases/{id}/query",
        "POST /v1/data_sources/{id}/query",
    )

    status_page = StatusPage("https://www.notion-status.com", sure=False)
    sdk = "notion-client"
    sdk_setup = 'notion_client.Client(auth="x", base_url="{url}", retry=False)'
    sdk_note = "A community's. Without `retry=False` it tries three times, whatever it is told."

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give the envelope with a code that its SDK knows."""
        fallback = "service_unavailable" if problem.status >= 500 else "invalid_request"
        return {
            "object": "error",
            "status": problem.status,
            "code": _CODES.get(problem.status, fallback),
            "message": f"{problem.detail} ({problem.outrider_id})",
        }
