"""Sentry. The API has a secret token; what takes in events has a public key, in the DSN, and is another host.

For events write an integration of its own: `base_url = "https://o{org}.ingest.{region}.sentry.io"` and
`auth = { type = "pass" }`. The key of a DSN is no secret, and an envelope names it too, so it must be the
real one.
"""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage

_LIMITS = "https://docs.sentry.io/api/ratelimits/"


class Sentry(Provider):
    """The web API, or with a base URL of its own the intake of events."""

    name = "sentry"
    title = "Sentry"
    base_url = "https://sentry.io"
    regions = {"us": "https://us.sentry.io", "de": "https://de.sentry.io"}
    documentation = "https://docs.sentry.io/api/"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "probe")

    auth = {"type": "bearer"}
    secrets = {"token": "SENTRY_AUTH_TOKEN"}
    credential_headers = ("X-Sentry-Auth",)
    credential_query = ("sentry_key",)
    probe = "GET /api/0/organizations/"

    plans = {
        "any": Plan(
            (Published(per="caller and endpoint", note="a window and a number at once; responses say"),),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "X-Sentry-Rate-Limit-Limit": "40",
        "X-Sentry-Rate-Limit-Remaining": "39",
        "X-Sentry-Rate-Limit-Reset": "1795392000",
        "X-Sentry-Rate-Limit-ConcurrentLimit": "25",
        "X-Sentry-Rate-Limit-ConcurrentRemaining": "24",
    }
    # The intake's: its SDK drops such events for as long as that says.
    quota_signs = (Sign(429, field="X-Sentry-Rate-Limits"),)

    error = {"detail": "{message}"}
    status_page = StatusPage(
        "https://status.sentry.io",
        feed="https://status.sentry.io/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "sentry-sdk"
    sdk_setup = 'sentry_sdk.init(dsn="http://PUBLIC_KEY@{bare_url}/42")'
    sdk_note = (
        'The key and the project of the DSN; the integration is one of the intake, with `auth.type = "pass"`.'
    )
