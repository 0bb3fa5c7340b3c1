"""Google Cloud by a service account: each service has a host of its own, so the file says which."""

from __future__ import annotations

from outrider.plugin import Plan, Published, Sign, StatusPage, Urls

from ._google import Google

_ERRORS = "https://cloud.google.com/storage/docs/retry-strategy"
_METADATA = (
    "GET /storage/v1/b/{bucket}/o",
    "GET /storage/v1/b/{bucket}/o/{object}",
    "PATCH /storage/v1/b/{bucket}/o/{object}",
    "POST /upload/storage/v1/b/{bucket}/o",
    "PUT /upload/storage/v1/b/{bucket}/o",
)


class GoogleCloud(Google):
    """A service of Google Cloud, Cloud Storage first."""

    name = "gcp"
    title = "Google Cloud"
    base_url_form = "https://{service}.googleapis.com"
    documentation = "https://cloud.google.com/apis/docs/overview"
    source = _ERRORS
    as_of = "2026-11-23"
    unsure = ("error_body", "retry_after", "limit_signs", "quota_signs", "plans")

    auth = {"type": "google"}
    secrets = {"credentials": "GOOGLE_CREDENTIALS"}
    credential_headers = ("X-Goog-Api-Key",)
    credential_query = ("key", "access_token")

    plans = {
        "storage": Plan(
            (Published("1/s", per="object", note="writes of the same name", sure=False),),
            source="https://cloud.google.com/storage/quotas",
            as_of="2026-11-23",
            note="other services: by project, in the console",
        )
    }
    limit_signs = (Sign(403, words=("rateLimitExceeded", "userRateLimitExceeded")),)
    quota_signs = (Sign(403, words=("quotaExceeded", "dailyLimitExceeded")),)

    # Where an object is downloaded, once its metadata are known; a download itself is not looked into.
    urls = tuple(Urls(call, ("mediaLink",)) for call in _METADATA)
    status_page = StatusPage(
        "https://status.cloud.google.com", feed="https://status.cloud.google.com/incidents.json", shape="json"
    )
    sdk = "google-cloud-storage"
    sdk_setup = (
        'storage.Client(project="p", credentials=AnonymousCredentials(),'
        ' client_options={"api_endpoint": "{url}"})'
    )
    sdk_note = "Its own retries stop only by `retry=None` on the call."
