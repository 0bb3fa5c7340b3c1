"""mailgun against Mailgun: it returns the last response, and raises nothing."""

from typing import Any

from mailgun.client import Client
from mailgun.config import RetryPolicy

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk, query_of


class TestMailgun(Pages, Sdk):
    provider = "mailgun"
    names = {"Client": Client, "RetryPolicy": RetryPolicy}
    secret = "api:the-real-key"
    limit = reply(429, {"message": "slow down"}, {"Retry-After": "0"})
    failure = reply(500, {"message": "oops"})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /v4/domains": {"items": [{"name": "b.example"}], "total_count": 1},
            "GET /v3/domains": {"items": [{"name": "b.example"}], "total_count": 1},
            "GET /v3/b.example/events": self._events,
            "POST /v3/b.example/messages": {"id": "<m1>", "message": "Queued. Thank you."},
        }

    def call(self, client: Client) -> None:
        assert client.domains.get().json()["total_count"] == 1

    def fail(self, client: Client) -> None:
        answer = client.domains.get()
        assert answer.status_code >= 400
        assert answer.json()["message"]

    def _events(self, request: ReceivedRequest) -> dict[str, Any]:
        last = query_of(request).get("page") == "p2"
        paging = {} if last else {"next": f"{self.host}/v3/b.example/events?page=p2"}
        return {"items": [{"id": "e2" if last else "e1"}], "paging": paging}

    def page(self, client: Client) -> None:
        """The SDK reads of the next page's URL what differs; an app may ask for it as it stands."""
        assert [each["id"] for each in client.events.stream(domain="b.example")] == ["e1", "e2"]
        following = client.events.get(domain="b.example").json()["paging"]["next"]
        assert following == f"{self.running.url('mailgun')}/v3/b.example/events?page=p2"

    def test_a_mail_is_sent_once(self, client: Client) -> None:
        """After a limit it goes out; a 500 may have taken it, so the app is told at once."""
        mail: dict[str, Any] = {
            "from": "shop@b.example",
            "to": "ada@a.example",
            "subject": "Hello",
            "text": "Hi",
        }
        self.running.fake.answer(self.limit)
        assert client.messages.create(data=mail, domain="b.example").json()["id"] == "<m1>"
        self.running.fake.requests.clear()
        self._always(self.failure)
        assert client.messages.create(data=mail, domain="b.example").status_code == 500
        assert len(self.requests) == 1
