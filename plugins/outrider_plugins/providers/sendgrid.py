"""SendGrid. A mail that timed out may have been accepted: only a key or the app itself may send it again."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage, Urls
from outrider_plugins.translate.mail import SEND_EMAIL
from outrider_plugins.translate.sendgrid import SendGridMail

_LIMITS = "https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits"


class SendGrid(Provider):
    """The mail API, version 3."""

    name = "sendgrid"
    title = "SendGrid"
    base_url = "https://api.sendgrid.com"
    regions = {"eu": "https://api.eu.sendgrid.com"}
    documentation = "https://www.twilio.com/docs/sendgrid/api-reference"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("probe", "urls")

    auth = {"type": "bearer"}
    secrets = {"token": "SENDGRID_API_KEY"}
    probe = "GET /v3/scopes"

    plans = {
        "any": Plan(
            (Published(per="endpoint", note="responses say"),),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "X-RateLimit-Limit": "500",
        "X-RateLimit-Remaining": "499",
        "X-RateLimit-Reset": "1795392000",
    }

    error = {"errors": [{"message": "{message}", "field": None, "help": None}]}
    operations = {SEND_EMAIL: SendGridMail()}
    # Whole URLs, in "_metadata".
    urls = (Urls("GET", ("next", "prev", "self")),)
    status_page = StatusPage(
        "https://status.sendgrid.com",
        feed="https://status.sendgrid.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "sendgrid"
    sdk_setup = 'SendGridAPIClient("x", host="{url}")'
