"""Postmark. A mail that timed out may have been sent, and no key tells: only the app sends it again."""

from __future__ import annotations

from outrider.plugin import Plan, Provider, Published, StatusPage
from outrider_plugins.translate.mail import SEND_EMAIL
from outrider_plugins.translate.postmark import PostmarkMail

_API = "https://postmarkapp.com/developer/api/overview"


class Postmark(Provider):
    """The mail API, with a server's token; calls about accounts want an integration with the other token."""

    name = "postmark"
    title = "Postmark"
    base_url = "https://api.postmarkapp.com"
    documentation = _API
    source = _API
    as_of = "2026-11-25"
    unsure = ("probe",)

    auth = {"type": "header", "name": "X-Postmark-Server-Token"}
    secrets = {"value": "POSTMARK_SERVER_TOKEN"}
    credential_headers = ("X-Postmark-Server-Token", "X-Postmark-Account-Token")
    probe = "GET /server"

    plans = {
        "any": Plan(
            (Published(note="429 without a number or a field; 500 messages a batch", sure=False),),
            source=_API,
            as_of="2026-11-23",
        )
    }

    error = {"ErrorCode": "{status}", "Message": "{message}"}
    operations = {SEND_EMAIL: PostmarkMail()}
    status_page = StatusPage(
        "https://status.postmarkapp.com",
        feed="https://status.postmarkapp.com/api/v1/status",
        shape="json",
        sure=False,
    )
    sdk = "postmarker"
    sdk_setup = 'PostmarkClient(server_token="x", root_api_url="{own_url}/")'
    sdk_note = "A community's. It drops the path of a base URL, so it needs a host or a listener of its own."
