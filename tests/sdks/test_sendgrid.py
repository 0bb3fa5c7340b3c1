"""sendgrid against SendGrid."""

import pytest
import sendgrid
from python_http_client.exceptions import HTTPError
from sendgrid.helpers.mail import Mail

from outrider.testing import reply
from sdks.sdk import Answer, Sdk

TIGHT = {"X-RateLimit-Limit": "500", "X-RateLimit-Remaining": "1"}


class TestSendGrid(Sdk):
    provider = "sendgrid"
    names = {"SendGridAPIClient": sendgrid.SendGridAPIClient}
    errors = (HTTPError,)
    limit = reply(429, {"errors": [{"field": None, "message": "too many requests"}]}, TIGHT)
    failure = reply(500, {"errors": [{"field": None, "message": "oops"}]})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /v3/scopes": {"scopes": ["mail.send"]},
            "POST /v3/mail/send": reply(202, b"", {"X-Message-Id": "m1"}),
        }

    def call(self, client: sendgrid.SendGridAPIClient) -> None:
        assert client.client.scopes.get().status_code == 200

    def test_a_mail_is_sent_once(self, client: sendgrid.SendGridAPIClient) -> None:
        """After a limit it goes out; a 500 may have taken it, so the app is told at once."""
        mail = Mail("shop@b.example", "ada@a.example", "Hello", "Hi")
        self.running.fake.answer(self.limit)
        assert client.send(mail).headers["X-Message-Id"] == "m1"
        self.running.fake.requests.clear()
        self._always(self.failure)
        with pytest.raises(HTTPError, match="500"):
            client.send(mail)
        assert len(self.requests) == 1
