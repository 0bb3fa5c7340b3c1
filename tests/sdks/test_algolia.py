"""algoliasearch against Algolia."""

from typing import Any

import pytest
from algoliasearch.http.exceptions import AlgoliaException
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClientSync
from algoliasearch.search.config import SearchConfig

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk, by_body


def hits(*ids: str, page: int) -> dict[str, Any]:
    return {"hits": [{"objectID": each} for each in ids], "page": page, "nbPages": 2, "processingTimeMS": 1}


class TestAlgolia(Pages, Sdk):
    provider = "algolia"
    auth = 'fields.X-Algolia-Application-Id = "env:SDK_SECRET", fields.X-Algolia-API-Key = "env:SDK_SECRET"'
    names = {
        "Host": Host,
        "HostsCollection": HostsCollection,
        "SearchClientSync": SearchClientSync,
        "SearchConfig": SearchConfig,
    }
    errors = (AlgoliaException,)
    limit = reply(429, {"message": "Too many requests", "status": 429})
    failure = reply(500, {"message": "oops", "status": 500})

    def routes(self) -> dict[str, Answer]:
        return {
            "POST /1/indexes/{index}/query": by_body(
                "page", {None: hits("1", "2", page=0), 0: hits("1", "2", page=0), 1: hits("3", page=1)}
            ),
            "POST /1/indexes/{index}": {"taskID": 1, "objectID": "o1", "createdAt": "2026-11-23T12:00:00Z"},
        }

    def credential(self, request: ReceivedRequest) -> str:
        values = {request.header("X-Algolia-Application-Id"), request.header("X-Algolia-API-Key")}
        return " ".join(sorted(filter(None, values)))

    def close(self, client: SearchClientSync) -> None:
        client._transporter.close()

    def call(self, client: SearchClientSync) -> None:
        found = client.search_single_index("things", {"query": "a"})
        assert [hit.object_id for hit in found.hits] == ["1", "2"]

    def page(self, client: SearchClientSync) -> None:
        pages = [client.search_single_index("things", {"query": "a", "page": page}) for page in (0, 1)]
        assert [hit.object_id for page in pages for hit in page.hits] == ["1", "2", "3"]

    def test_what_is_added_is_sent_once(self, client: SearchClientSync) -> None:
        """It makes an id of its own each time."""
        self._always(self.failure)
        with pytest.raises(self.errors):
            client.save_object("things", {"name": "a"})
        assert len(self.requests) == 1
