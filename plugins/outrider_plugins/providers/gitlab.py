"""GitLab. Its SDK appends `/api/v4`, so it is not part of the base URL."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage

_LIMITS = "https://docs.gitlab.com/user/gitlab_com/#rate-limits-on-gitlabcom"


class GitLab(Provider):
    """The REST and GraphQL APIs of gitlab.com; a server of one's own is another `base_url`."""

    name = "gitlab"
    title = "GitLab"
    base_url = "https://gitlab.com"
    documentation = "https://docs.gitlab.com/api/rest/"
    source = _LIMITS
    as_of = "2026-11-23"

    auth = {"type": "header", "name": "PRIVATE-TOKEN"}
    secrets = {"value": "GITLAB_TOKEN"}
    credential_headers = ("PRIVATE-TOKEN", "JOB-TOKEN")
    credential_query = ("private_token", "job_token", "access_token")
    probe = "GET /api/v4/user"

    plans = {
        "gitlab.com": Plan(
            (
                Published("2000/m"),
                Published("10/m", calls=("GET /api/v4/search",)),
                Published("10/m", calls=("GET /api/v4/projects/{id}/search",)),
                Published("10/m", calls=("GET /api/v4/groups/{id}/search",)),
                Published("25/m", calls=("POST /api/v4/projects/{id}/pipeline",)),
                Published("60/m", calls=("POST /api/v4/projects/{id}/{kind}/{iid}/notes",)),
                Published("200/m", calls=("POST /api/v4/projects/{id}/issues",)),
                Published("400/m", calls=("GET /api/v4/projects/{id}", "GET /api/v4/groups/{id}")),
                Published("2000/600s", calls=("GET /api/v4/projects",)),
                Published("300/m", per="file", note="raw files"),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        ),
        "anonymous": Plan((Published("500/m"),), source=_LIMITS, as_of="2026-11-23", note="by IP address"),
    }
    limit_headers = {
        "RateLimit-Limit": "2000",
        "RateLimit-Name": "throttle_authenticated_api",
        "RateLimit-Observed": "1",
        "RateLimit-Remaining": "1999",
        "RateLimit-Reset": "1795392000",
    }

    error = {"message": "{message}"}
    status_page = StatusPage(
        "https://status.gitlab.com",
        feed="https://status.gitlab.com/pages/5b36dc6502d06804c08349f7/rss",
        shape="rss",
    )
    sdk = "python-gitlab"
    sdk_setup = 'gitlab.Gitlab("{url}", private_token="x")'
    sdk_note = "It waits for limits itself, up to ten times; `max_retries=0` on a call turns that off."
