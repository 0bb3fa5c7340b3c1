"""notion-client against Notion."""

from typing import Any

import notion_client
from notion_client.helpers import collect_paginated_api

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, by_body


def found(*ids: str, more: str | None) -> dict[str, Any]:
    results = [{"object": "page", "id": each} for each in ids]
    return {"object": "list", "results": results, "has_more": more is not None, "next_cursor": more}


def error(status: int, code: str) -> dict[str, Any]:
    return {"object": "error", "status": status, "code": code, "message": "no"}


class TestNotion(Pages, Sdk):
    provider = "notion"
    names = {"notion_client": notion_client}
    errors = (notion_client.APIResponseError,)
    limit = reply(429, error(429, "rate_limited"), {"Retry-After": "0"})
    failure = reply(503, error(503, "service_unavailable"))

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /v1/users/me": {"object": "user", "id": "u1"},
            "POST /v1/search": by_body(
                "start_cursor", {None: found("1", "2", more="c2"), "c2": found("3", more=None)}
            ),
            "POST /v1/pages": {"object": "page", "id": "p1"},
        }

    def close(self, client: notion_client.Client) -> None:
        client.close()

    def call(self, client: notion_client.Client) -> None:
        assert client.users.me()["id"] == "u1"

    def page(self, client: notion_client.Client) -> None:
        assert [each["id"] for each in collect_paginated_api(client.search)] == ["1", "2", "3"]

    def test_too_much_load(self, client: notion_client.Client) -> None:
        """A 529 is waited for, whatever the call."""
        self.running.fake.reply(529, error(529, "service_overload"), {"Retry-After": "0"})
        assert client.pages.create(parent={}, properties={})["id"] == "p1"

    def test_a_search_is_a_read(self, client: notion_client.Client) -> None:
        """A POST that is tried again."""
        self.running.fake.answer(self.failure)
        assert len(client.search(start_cursor="c2")["results"]) == 1
