"""google-cloud-storage against Cloud Storage."""

import json
import time

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from outrider.testing import ReceivedRequest, Script, reply
from sdks.sdk import Answer, Pages, Sdk, paged


class TestGoogleCloud(Pages, Sdk):
    provider = "gcp"
    auth = 'type = "bearer", token = "env:SDK_SECRET"'
    names = {"storage": storage, "AnonymousCredentials": AnonymousCredentials}
    errors = (GoogleAPICallError,)
    limit = reply(
        403, {"error": {"code": 403, "message": "slow down", "errors": [{"reason": "rateLimitExceeded"}]}}
    )
    failure = reply(500, {"error": {"code": 500, "message": "oops"}})

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /storage/v1/b/b": {"name": "b"},
            "GET /storage/v1/b/b/o/k": {
                "name": "k",
                "mediaLink": f"{self.host}/download/storage/v1/b/b/o/k?generation=1&alt=media",
            },
            "GET /download/storage/v1/b/b/o/k": reply(200, b"hello"),
            "GET /storage/v1/b/b/o": paged(
                "pageToken",
                {"": {"items": [{"name": "a"}], "nextPageToken": "p2"}, "p2": {"items": [{"name": "c"}]}},
            ),
            "POST /upload/storage/v1/b/b/o": self._begun,
            "PUT /upload/storage/v1/b/b/o": {"name": "k", "size": "5", "crc32c": "mnG7TA=="},
        }

    def _begun(self, request: ReceivedRequest) -> Script:
        location = f"{self.host}/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=u1"
        return reply(200, b"", {"Location": location})

    def close(self, client: storage.Client) -> None:
        """Wait for what the SDK asks in a thread of its own, the bucket: the next test would see it."""
        asking = client._bucket_metadata_cache._inflight_fetches
        until = time.monotonic() + 30
        while asking and time.monotonic() < until:
            time.sleep(0.005)
        client.close()

    def call(self, client: storage.Client) -> None:
        assert client.get_bucket("b").name == "b"

    def fail(self, client: storage.Client) -> None:
        """With what the note says: no field of a response keeps it from trying for two minutes."""
        assert "retry=None" in self.facts.sdk_note
        with pytest.raises(self.errors):
            client.get_bucket("b", retry=None)

    def page(self, client: storage.Client) -> None:
        assert [each.name for each in client.list_blobs("b")] == ["a", "c"]

    def test_an_object_is_downloaded_through_us(self, client: storage.Client) -> None:
        """Its metadata say where; a download keeps the coding that the SDK asks for."""
        assert client.bucket("b").get_blob("k").download_as_bytes() == b"hello"
        (download,) = (each for each in self.requests if each.target.startswith("/download/"))
        assert download.target == "/download/storage/v1/b/b/o/k?generation=1&alt=media"
        assert "gzip" in (download.header("Accept-Encoding") or "")

    def test_a_resumable_upload_stays_with_us(self, client: storage.Client) -> None:
        """The session is at the `Location` of the first answer."""
        with client.bucket("b").blob("k").open("wb") as file:
            file.write(b"hello")
        first, second = (each for each in self.requests if each.target.startswith("/upload/"))
        assert json.loads(first.body) == {"name": "k"}
        assert (second.method, second.body) == ("PUT", b"hello")
