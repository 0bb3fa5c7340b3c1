"""Twilio: a host for each product. Paths have the account's SID, so the app gives its SDK the real one."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, Sign, StatusPage, Urls

_LIMITS = "https://www.twilio.com/docs/api/errors/20429"
_PRODUCTS = (
    "accounts",
    "content",
    "conversations",
    "events",
    "flex-api",
    "insights",
    "intelligence",
    "lookups",
    "messaging",
    "monitor",
    "notify",
    "numbers",
    "pricing",
    "proxy",
    "routes",
    "serverless",
    "studio",
    "sync",
    "taskrouter",
    "trunking",
    "trusthub",
    "verify",
    "video",
    "voice",
    "wireless",
)


def _codes(*codes: int) -> tuple[str, ...]:
    return tuple(f'"code":{space}{code}' for code in codes for space in ("", " "))


class Twilio(Provider):
    """The API of 2010-04-01, and its products below `/_hosts/NAME`."""

    name = "twilio"
    title = "Twilio"
    base_url = "https://api.twilio.com"
    hosts = {name: f"https://{name}.twilio.com" for name in _PRODUCTS}
    documentation = "https://www.twilio.com/docs/usage/api"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error", "hosts", "quota_signs")

    auth = {"type": "basic"}
    secrets = {"username": "TWILIO_ACCOUNT_SID", "password": "TWILIO_AUTH_TOKEN"}
    probe = "GET /2010-04-01/Accounts.json?PageSize=1"

    plans = {
        "any": Plan(
            (Published(note="of calls at once; messages wait in a queue of Twilio's"),),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    # Verify: a number has been sent too many codes, or has too many checks under way.
    quota_signs = (Sign(429, words=_codes(60203, 60212)),)

    error = {
        "code": "{status}",
        "message": "{message}",
        "more_info": "https://www.twilio.com/docs/api/errors",
        "status": "{status}",
    }
    # Pages of the products have whole URLs, those of 2010-04-01 only paths.
    urls = (Urls("GET", ("next_page_url", "previous_page_url", "first_page_url")),)
    status_page = StatusPage(
        "https://status.twilio.com",
        feed="https://status.twilio.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "twilio"
    sdk_setup = (
        'client = Client("AC...", "x"); client.api.base_url = "{url}";'
        ' client.verify.base_url = "{url}/_hosts/verify"'
    )
    sdk_note = "`AC...` is the account's real SID; each product that is used gets its own line."
