"""GitHub. A 403 is a limit as often as a missing permission; PyGithub follows the URLs in bodies."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Response, Sign, StatusPage, Urls

_LIMITS = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
#: Seconds to wait after a secondary limit that does not say how long (the page of the limits).
_SECONDARY_S = 60.0
_SECONDARY = (
    Published(concurrency=100, note="secondary"),
    Published("900/m", counts="points", per="endpoint", note="secondary: a read is 1, a write 5"),
    Published("90/m", counts="seconds of CPU", note="secondary"),
    Published("80/m", counts="writes that make content", note="secondary; 500 an hour"),
)


def _plan(rate: str, note: str = "") -> Plan:
    return Plan((Published(rate), *_SECONDARY), source=_LIMITS, as_of="2026-11-23", note=note)


class GitHub(Provider):
    """The REST and GraphQL APIs of github.com; a server of one's own is a `base_url` that ends in /api/v3."""

    name = "github"
    title = "GitHub"
    base_url = "https://api.github.com"
    hosts = {"uploads": "https://uploads.github.com"}
    documentation = "https://docs.github.com/rest"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error",)

    auth = {"type": "bearer"}
    secrets = {"token": "GITHUB_TOKEN"}
    token_paths = ("POST /app/installations/{installation}/access_tokens",)
    # A User-Agent too, which every client has.
    required_headers = {"Accept": "application/vnd.github+json"}
    probe = "GET /rate_limit"

    plans = {
        "user": _plan("5000/h"),
        "enterprise": _plan("15000/h", "a user or an app of GitHub Enterprise Cloud"),
        "installation": _plan(
            "5000/h", "50 an hour more for each repository and user beyond 20, up to 12500"
        ),
        "actions": _plan("1000/h", "GITHUB_TOKEN of a workflow, by repository"),
        "anonymous": _plan("60/h", "by IP address"),
    }
    limit_headers = {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "4999",
        "x-ratelimit-used": "1",
        "x-ratelimit-reset": "1795392000",
        "x-ratelimit-resource": "core",
    }
    limit_signs = (
        Sign(403, field="Retry-After"),
        Sign(403, field="x-ratelimit-remaining: 0"),
        Sign(403, words=("rate limit exceeded", "secondary rate limit")),
    )
    safe_calls = ("POST /markdown", "POST /markdown/raw")
    # It tries a 429 again ten times where there is one, and not once where there is none.
    sdk_obeys_retry_after = True

    error = {
        "message": "{message}",
        "documentation_url": "https://docs.github.com/rest",
        "status": "{status}",
    }
    # Every object has URLs of itself and of what belongs to it; pages for people are on another host.
    urls = (Urls("", ("url", "*_url")),)
    status_page = StatusPage(
        "https://www.githubstatus.com",
        feed="https://www.githubstatus.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "PyGithub"
    sdk_setup = 'Github(auth=Auth.Token("x"), base_url="{url}", retry=None)'
    sdk_note = "Without `retry=None` it tries a 5xx, and a 403 that is a limit, ten times again."

    def retry_after(self, response: Response) -> float | None:
        """Give a minute for a secondary limit that says nothing itself."""
        if response.status in (403, 429) and "secondary rate limit" in response.text:
            return None if "Retry-After" in response.headers else _SECONDARY_S
        return None
