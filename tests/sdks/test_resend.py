"""resend against Resend."""

from typing import Any

import pytest
import resend
from resend.exceptions import ResendError

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged

MAIL: resend.Emails.SendParams = {
    "from": "a@a.example",
    "to": ["ada@a.example"],
    "subject": "Hi",
    "html": "Hi",
}


def domains(*ids: str, more: bool) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": each, "name": each} for each in ids], "has_more": more}


class TestResend(Pages, Sdk):
    provider = "resend"
    names = {"resend": resend}
    errors = (ResendError,)
    limit = reply(
        429,
        {"statusCode": 429, "name": "rate_limit_exceeded", "message": "slow down"},
        {"retry-after": "0", "ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "0"},
    )
    failure = reply(500, {"statusCode": 500, "name": "internal_server_error", "message": "oops"})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /domains": paged("after", {"": domains("1", "2", more=True), "2": domains("3", more=False)}),
            "GET /domains/{id}": {"object": "domain", "id": "1", "name": "a.example"},
            "POST /emails": {"id": "m1"},
        }

    def call(self, client: None) -> None:
        assert resend.Domains.get("1")["name"] == "a.example"

    def page(self, client: None) -> None:
        first = resend.Domains.list()
        second = resend.Domains.list({"after": first["data"][-1]["id"]})
        assert [each["id"] for each in (*first["data"], *second["data"])] == ["1", "2", "3"]

    def test_a_mail_is_sent_again_with_the_same_key(self, client: None) -> None:
        """A key is put on where the app gave none."""
        self.running.fake.answer(self.failure)
        assert resend.Emails.send(MAIL)["id"] == "m1"
        first, second = (request.header("Idempotency-Key") for request in self.requests)
        assert first
        assert first == second

    def test_a_spent_quota(self, client: None) -> None:
        """No wait helps: it is asked once."""
        self._always(reply(429, {"statusCode": 429, "name": "daily_quota_exceeded", "message": "spent"}))
        with pytest.raises(self.errors):
            resend.Emails.send(MAIL)
        assert len(self.requests) == 1
