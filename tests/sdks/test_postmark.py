"""postmarker against Postmark."""

from typing import Any

import pytest
from postmarker.core import PostmarkClient
from postmarker.exceptions import ClientError

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk, paged

SENT = {"To": "ada@a.example", "MessageID": "m1", "ErrorCode": 0, "Message": "OK", "SubmittedAt": "now"}


def bounces(*ids: int) -> dict[str, Any]:
    return {"TotalCount": 600, "Bounces": [{"ID": each} for each in ids]}


class TestPostmark(Pages, Sdk):
    provider = "postmark"
    own_listener = True
    auth = 'value = "env:SDK_SECRET"'
    names = {"PostmarkClient": PostmarkClient}
    errors = (ClientError,)
    limit = reply(429, {"ErrorCode": 429, "Message": "slow down"})
    failure = reply(500, {"ErrorCode": 500, "Message": "oops"})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /server": {"ID": 1, "Name": "Mine", "ApiTokens": []},
            "GET /bounces/": paged("offset", {"0": bounces(1, 2), "500": bounces(3)}),
            "POST /email": SENT,
        }

    def credential(self, request: ReceivedRequest) -> str:
        return request.header("X-Postmark-Server-Token") or ""

    def call(self, client: PostmarkClient) -> None:
        assert client.server.get().Name == "Mine"

    def page(self, client: PostmarkClient) -> None:
        assert [each.ID for each in client.bounces.all(count=600)] == [1, 2, 3]

    def test_a_mail_is_sent_once(self, client: PostmarkClient) -> None:
        """It may have left, and there is no key to tell."""
        self._always(self.failure)
        mail = {"From": "a@a.example", "To": "ada@a.example", "Subject": "Hi", "TextBody": "Hi"}
        with pytest.raises(self.errors):
            client.emails.send(**mail)
        assert len(self.requests) == 1
