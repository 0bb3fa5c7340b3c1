"""hubspot-api-client against HubSpot."""

from typing import Any

import hubspot
import pytest
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.contacts.models import PublicObjectSearchRequest

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged


def contact(id_: str) -> dict[str, Any]:
    moment = "2026-11-23T12:00:00Z"
    return {"id": id_, "properties": {}, "createdAt": moment, "updatedAt": moment, "archived": False}


def contacts(*ids: str, after: str = "") -> dict[str, Any]:
    link = "https://api.hubapi.com/crm/v3/objects/contacts?after=2"
    following = {"paging": {"next": {"after": after, "link": link}}} if after else {}
    return {"results": [contact(each) for each in ids], **following}


class TestHubSpot(Pages, Sdk):
    provider = "hubspot"
    names = {"hubspot": hubspot}
    errors = (ApiException,)
    limit = reply(
        429,
        {"status": "error", "message": "slow down", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"},
        {"Retry-After": "0"},
    )
    failure = reply(503, {"status": "error", "message": "oops"}, {"Retry-After": "0"})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /crm/v3/objects/contacts/{id}": contact("7"),
            "GET /crm/v3/objects/contacts": paged(
                "after", {"": contacts("1", "2", after="2"), "2": contacts("3")}
            ),
            "POST /crm/v3/objects/contacts/search": {"total": 1, **contacts("9")},
        }

    def call(self, client: Any) -> None:
        assert client.crm.contacts.basic_api.get_by_id("7").id == "7"

    def page(self, client: Any) -> None:
        assert [each.id for each in client.crm.contacts.get_all()] == ["1", "2", "3"]

    def test_a_search_is_a_read(self, client: Any) -> None:
        """A POST that is tried again."""
        self.running.fake.answer(self.failure)
        found = client.crm.contacts.search_api.do_search(PublicObjectSearchRequest(query="ada"))
        assert [each.id for each in found.results] == ["9"]

    def test_a_spent_day(self, client: Any) -> None:
        """No wait helps: it is asked once, by us and by the SDK."""
        body = {"status": "error", "message": "spent", "errorType": "RATE_LIMIT", "policyName": "DAILY"}
        self._always(reply(429, body, {"Retry-After": "0"}))
        with pytest.raises(self.errors):
            self.call(client)
        assert len(self.requests) == 1

    def test_an_account_that_is_moved(self, client: Any) -> None:
        """A 477 is waited for."""
        self.running.fake.reply(477, {"status": "error", "message": "moving"}, {"Retry-After": "0"})
        self.call(client)
