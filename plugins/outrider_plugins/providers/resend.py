"""Resend. A spent quota is a 429 too; keys that may only send are refused by every other call with a 401."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage
from outrider_plugins.translate.mail import SEND_EMAIL
from outrider_plugins.translate.resend import ResendMail

_LIMITS = "https://resend.com/docs/api-reference/rate-limit"
_ERRORS = "https://resend.com/docs/api-reference/errors"
_CALLS = Published("10/s", note="a team's; other readings say 2 and 5, and responses say", sure=False)


class Resend(Provider):
    """The mail API."""

    name = "resend"
    title = "Resend"
    base_url = "https://api.resend.com"
    documentation = "https://resend.com/docs/api-reference/introduction"
    source = f"{_LIMITS}, {_ERRORS}"
    as_of = "2026-11-25"
    unsure = ("idempotency_calls", "retry_signs")

    auth = {"type": "bearer"}
    secrets = {"token": "RESEND_API_KEY"}
    # A validation_error, but for what sends; an older text has invalid_api_key.
    refusal_signs = (Sign(400, words=("API key is invalid",)), Sign(403, words=("invalid_api_key",)))
    required_headers = {"User-Agent": "outrider"}
    probe = "GET /domains"

    plans = {
        "free": Plan(
            (_CALLS, Published("100/d", counts="e-mails", note="3,000 a month")),
            source=_LIMITS,
            as_of="2026-11-23",
        ),
        "paid": Plan((_CALLS,), source=_LIMITS, as_of="2026-11-23"),
    }
    limit_headers = {"ratelimit-limit": "10", "ratelimit-remaining": "9", "ratelimit-reset": "1"}
    quota_signs = (Sign(429, words=("daily_quota_exceeded", "monthly_quota_exceeded")),)
    retry_signs = (Sign(409, words=("concurrent_idempotent_requests",)),)
    idempotency_header = "Idempotency-Key"
    idempotency_calls = ("POST /emails", "POST /emails/batch")

    error = {"statusCode": "{status}", "name": "{code}", "message": "{message}"}
    operations = {SEND_EMAIL: ResendMail()}
    status_page = StatusPage(
        "https://resend-status.com",
        feed="https://resend-status.com/api/v2/summary.json",
        shape="statuspage",
        sure=False,
    )
    sdk = "resend"
    sdk_setup = 'resend.api_url = "{url}"'
