"""twilio against Twilio."""

from typing import Any

import pytest
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged

ACCOUNT = "/2010-04-01/Accounts/AC..."


def service(sid: str) -> dict[str, Any]:
    return {"sid": sid, "friendly_name": sid}


class TestTwilio(Pages, Sdk):
    provider = "twilio"
    auth = 'username = "AC...", password = "env:SDK_SECRET"'
    secret = "AC...:the-real-key"
    names = {"Client": Client}
    errors = (TwilioException,)
    limit = reply(429, {"code": 20429, "message": "Too Many Requests", "more_info": "", "status": 429})
    failure = reply(500, {"code": 20500, "message": "oops", "more_info": "", "status": 500})

    def routes(self) -> dict[str, Answer]:
        messages = f"{ACCOUNT}/Messages.json"
        further = self.further("verify")
        second = f"{further}/v2/Services?PageSize=50&Page=1&PageToken=p2"
        meta = {"key": "services", "url": f"{further}/v2/Services", "previous_page_url": None}
        return {
            f"GET {ACCOUNT}/Messages/SM1.json": {"sid": "SM1", "status": "sent"},
            f"GET {messages}": paged(
                "PageToken",
                {
                    "": {"messages": [{"sid": "SM1"}], "next_page_uri": f"{messages}?PageToken=p2"},
                    "p2": {"messages": [{"sid": "SM2"}], "next_page_uri": None},
                },
            ),
            "GET /verify/v2/Services": paged(
                "PageToken",
                {
                    "": {"services": [service("VA1")], "meta": {**meta, "next_page_url": second}},
                    "p2": {"services": [service("VA2")], "meta": {**meta, "next_page_url": None}},
                },
            ),
            f"POST {messages}": reply(201, {"sid": "SM3", "status": "queued"}),
        }

    def call(self, client: Client) -> None:
        assert client.messages("SM1").fetch().status == "sent"

    def page(self, client: Client) -> None:
        assert [each.sid for each in client.messages.list()] == ["SM1", "SM2"]

    def test_pages_of_another_product(self, client: Client) -> None:
        """Their next page is a whole URL in the body: it leads back."""
        assert [each.sid for each in client.verify.v2.services.list()] == ["VA1", "VA2"]
        assert len(self.running.further.requests) == 2

    def test_a_message_is_sent_once(self, client: Client) -> None:
        """After a limit it goes out; a 500 may have taken it, so the app is told at once."""
        message = {"to": "+15005550006", "from_": "+15005550006", "body": "hi"}
        self.running.fake.answer(self.limit)
        assert client.messages.create(**message).sid == "SM3"
        self.running.fake.requests.clear()
        self._always(self.failure)
        with pytest.raises(TwilioException, match="oops"):
            client.messages.create(**message)
        assert len(self.requests) == 1
