"""Slack. Errors come with a 200, most calls are POSTs, and files go to a URL that a body names."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage, Urls

_LIMITS = "https://docs.slack.dev/apis/web-api/rate-limits"
_TIERS = tuple(
    Published(f"{rate}/m", per="method and workspace", note=f"tier {tier}")
    for tier, rate in enumerate((1, 20, 50, 100), start=1)
)
_MESSAGES = Published("1/s", per="channel", note="chat.postMessage, with short bursts")
_HISTORY = ("conversations.history", "conversations.replies")


def _says(*codes: str) -> tuple[str, ...]:
    return tuple(f'"error":{space}"{code}"' for code in codes for space in ("", " "))


class Slack(Provider):
    """The Web API, below /api. Incoming webhooks have their secret in the path, and are not of it."""

    name = "slack"
    title = "Slack"
    base_url = "https://slack.com"
    hosts = {"files": "https://files.slack.com"}
    documentation = "https://docs.slack.dev/apis/web-api/"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "failure_signs", "limit_signs", "refusal_signs", "safe_calls")

    auth = {"type": "bearer"}
    secrets = {"token": "SLACK_BOT_TOKEN"}
    # As older clients send it.
    credential_query = ("token",)
    credential_members = ("token",)
    refusal_signs = (
        Sign(
            200,
            words=_says("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"),
        ),
    )
    probe = "GET /api/auth.test"

    plans = {
        "tiers": Plan((*_TIERS, _MESSAGES), source=_LIMITS, as_of="2026-11-23"),
        "not-in-marketplace": Plan(
            (
                *_TIERS,
                _MESSAGES,
                *(Published("1/m", calls=(f"GET /api/{name}", f"POST /api/{name}")) for name in _HISTORY),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
            note="apps that are sold outside Slack's marketplace, new since 2025-05-29",
        ),
    }
    judged_calls = ("GET /api/{method}", "POST /api/{method}")
    limit_signs = (Sign(200, words=_says("ratelimited", "rate_limited")),)
    failure_signs = (
        Sign(200, words=_says("internal_error", "fatal_error", "service_unavailable", "request_timeout")),
    )
    safe_calls = (
        *(f"POST /api/{{object}}.{read}" for read in ("info", "list", "history", "replies", "members")),
        "POST /api/auth.test",
        "POST /api/users.lookupByEmail",
        "POST /api/files.getUploadURLExternal",
    )

    error = {"ok": False, "error": "{code}", "detail": "{message}"}
    urls = (
        Urls("GET /api/files.getUploadURLExternal", ("upload_url",)),
        Urls("POST /api/files.getUploadURLExternal", ("upload_url",)),
    )
    status_page = StatusPage(
        "https://slack-status.com", feed="https://slack-status.com/api/v2.0.0/current", shape="json"
    )
    sdk = "slack_sdk"
    sdk_setup = 'WebClient(token="x", base_url="{url}/api/")'
