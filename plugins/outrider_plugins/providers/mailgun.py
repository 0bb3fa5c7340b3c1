"""Mailgun. The user name is "api", the password is the key."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage, Urls
from outrider_plugins.translate.mail import SEND_EMAIL
from outrider_plugins.translate.mailgun import MailgunMail

_DOCS = "https://documentation.mailgun.com/docs/mailgun/api-reference"


class Mailgun(Provider):
    """The mail API."""

    name = "mailgun"
    title = "Mailgun"
    base_url = "https://api.mailgun.net"
    regions = {"eu": "https://api.eu.mailgun.net"}
    documentation = _DOCS
    source = _DOCS
    as_of = "2026-11-23"
    unsure = ("error", "plans", "limit_headers", "probe", "urls")

    auth = {"type": "basic", "username": "api"}
    secrets = {"password": "MAILGUN_API_KEY"}
    probe = "GET /v4/domains?limit=1"

    plans = {
        "any": Plan(
            (Published(note="a new account has one by the hour", sure=False),),
            source=_DOCS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "299",
        "X-RateLimit-Reset": "1795392000",
    }

    error = {"message": "{message}"}
    operations = {SEND_EMAIL: MailgunMail()}
    # Whole URLs, in "paging".
    urls = (Urls("GET", ("next", "previous", "first", "last")),)
    status_page = StatusPage(
        "https://status.mailgun.com",
        feed="https://status.mailgun.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "mailgun"
    sdk_setup = 'Client(auth=("api", "x"), api_url="{url}", retry_policy=RetryPolicy(max_retries=0))'
