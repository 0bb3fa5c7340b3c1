"""google-genai against Gemini."""

from pathlib import Path
from typing import Any

from google import genai
from google.genai import errors, types

from outrider.testing import ReceivedRequest, Step, reply, sse, stream
from sdks.sdk import Answer, Pages, Sdk, Streams, paged


def candidate(text: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]}


def files(*names: str, next_page: str = "") -> dict[str, Any]:
    return {
        "files": [{"name": f"files/{each}"} for each in names],
        **({"nextPageToken": next_page} if next_page else {}),
    }


class TestGemini(Pages, Streams, Sdk):
    provider = "gemini"
    names = {"genai": genai, "types": types}
    errors = (errors.APIError,)
    limit = reply(
        429,
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "slow down",
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}],
            }
        },
    )
    failure = reply(500, {"error": {"code": 500, "status": "INTERNAL", "message": "oops"}})

    def credential(self, request: ReceivedRequest) -> str:
        return request.header("x-goog-api-key") or ""

    def routes(self) -> dict[str, Answer]:
        upload = {
            "X-Goog-Upload-URL": f"{self.host}/upload/v1beta/files?upload_id=u1",
            "X-Goog-Upload-Status": "active",
        }
        done = reply(
            200, {"file": {"name": "files/f1", "state": "ACTIVE"}}, {"X-Goog-Upload-Status": "final"}
        )
        return {
            "POST /{version}/models/m:generateContent": candidate("hello"),
            "POST /{version}/models/m:streamGenerateContent": stream(
                sse(candidate("one")), Step.WAIT, sse(candidate("two"))
            ),
            "GET /{version}/files": paged(
                "pageToken", {"": files("f1", "f2", next_page="p2"), "p2": files("f3")}
            ),
            "POST /upload/{version}/files": lambda request: (
                done if "upload_id" in request.target else reply(200, {}, upload)
            ),
        }

    def call(self, client: genai.Client) -> None:
        assert client.models.generate_content(model="m", contents="hi").text == "hello"

    def page(self, client: genai.Client) -> None:
        assert [each.name for each in client.files.list()] == ["files/f1", "files/f2", "files/f3"]

    def stream(self, client: genai.Client) -> None:
        seen = []
        for event in client.models.generate_content_stream(model="m", contents="hi"):
            seen.append(event.text)
            if len(seen) == 1:
                self.running.fake.release()
        assert seen == ["one", "two"]

    def test_a_file_is_uploaded_through_us(self, client: genai.Client, tmp_path: Path) -> None:
        """The URL of the upload, in a field of the provider's answer, leads back."""
        path = tmp_path / "notes.txt"
        path.write_text("hello")
        assert client.files.upload(file=path).name == "files/f1"
        assert [request.body for request in self.requests][-1] == b"hello"
