"""zenpy against Zendesk."""

from typing import Any

from requests.exceptions import HTTPError
from zenpy import Zenpy
from zenpy.lib.api_objects import Ticket
from zenpy.lib.exception import APIException

from outrider.testing import ReceivedRequest, reply
from sdks.documented import through
from sdks.sdk import Answer, Pages, Sdk, paged


class TestZendesk(Pages, Sdk):
    provider = "zendesk"
    auth = 'username = "ada@a.example/token", password = "env:SDK_SECRET"'
    names = {"Zenpy": Zenpy, "through": through}
    errors = (APIException, HTTPError)
    limit = reply(429, {"error": "APIRateLimitExceeded", "description": "slow down"}, {"Retry-After": "0"})
    failure = reply(500, {"error": "InternalError", "description": "oops"})

    def routes(self) -> dict[str, Answer]:
        ticket = {"ticket": {"id": 7}, "audit": {"id": 1}}
        return {
            "GET /api/v2/users/me.json": {"user": {"id": 1, "name": "Ada"}},
            "GET /api/v2/tickets.json": paged(
                "page", {"": self._tickets, "2": {"tickets": [{"id": 3}], "next_page": None}}
            ),
            "POST /api/v2/tickets.json": ticket,
        }

    def _tickets(self, request: ReceivedRequest) -> dict[str, Any]:
        tickets = [{"id": 1}, {"id": 2}]
        return {"tickets": tickets, "count": 3, "next_page": f"{self.host}/api/v2/tickets.json?page=2"}

    def credential(self, request: ReceivedRequest) -> str:
        return super().credential(request).partition(":")[2]

    def call(self, client: Zenpy) -> None:
        assert client.users.me().name == "Ada"

    def page(self, client: Zenpy) -> None:
        assert [each.id for each in client.tickets()] == [1, 2, 3]

    def test_a_ticket_is_made_with_a_key(self, client: Zenpy) -> None:
        """And so it is made again when the answer is lost: with the same one."""
        self.running.fake.answer(self.failure)
        client.tickets.create(Ticket(subject="Hi", description="Hi"))
        first, second = (request.header("Idempotency-Key") for request in self.requests)
        assert first
        assert first == second

    def test_a_long_limit_is_not_waited_for_without_end(self, client: Zenpy) -> None:
        """Its SDK would wait and ask again for good: Retry-After is told under another name."""
        self._always(reply(429, {"error": "APIRateLimitExceeded"}, {"Retry-After": "3000"}))
        self.fail(client)
        assert len(self.requests) == 1
