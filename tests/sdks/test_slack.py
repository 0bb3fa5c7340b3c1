"""slack_sdk against Slack."""

from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk


def conversations(request: ReceivedRequest) -> dict[str, Any]:
    if "cursor=p2" in request.target or b"cursor=p2" in request.body:
        return {"ok": True, "channels": [{"id": "C3"}], "response_metadata": {"next_cursor": ""}}
    return {"ok": True, "channels": [{"id": "C1"}, {"id": "C2"}], "response_metadata": {"next_cursor": "p2"}}


class TestSlack(Pages, Sdk):
    provider = "slack"
    names = {"WebClient": WebClient}
    errors = (SlackApiError,)
    limit = reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"})
    failure = reply(500, {"ok": False, "error": "internal_error"})

    def routes(self) -> dict[str, Answer]:
        return {
            "POST /api/auth.test": {"ok": True, "user": "ada"},
            "GET /api/conversations.list": conversations,
            "POST /api/conversations.list": conversations,
            "POST /api/chat.postMessage": {"ok": True, "ts": "1.0"},
            "POST /api/files.getUploadURLExternal": {
                "ok": True,
                "upload_url": f"{self.further('files')}/upload/v1/u1",
                "file_id": "F1",
            },
            "POST /files/upload/v1/u1": reply(200, "OK"),
            "POST /api/files.completeUploadExternal": {"ok": True, "files": [{"id": "F1"}]},
        }

    def call(self, client: WebClient) -> None:
        assert client.auth_test()["user"] == "ada"

    def page(self, client: WebClient) -> None:
        found = [each["id"] for page in client.conversations_list(limit=2) for each in page["channels"]]
        assert found == ["C1", "C2", "C3"]

    def test_a_file_is_uploaded_through_us(self, client: WebClient, tmp_path: Path) -> None:
        """The URL of the upload is in the body of an answer."""
        path = tmp_path / "notes.txt"
        path.write_text("hello")
        assert client.files_upload_v2(file=str(path), title="notes", channel="C1")["files"][0]["id"] == "F1"
        (upload,) = self.running.further.requests
        assert b"hello" in upload.body

    def test_a_failure_with_a_200(self, client: WebClient) -> None:
        """What only reads is asked again; a message may have been posted, so the app is told at once."""
        broken = reply(200, {"ok": False, "error": "internal_error"})
        self.running.fake.answer(broken)
        self.call(client)
        assert len(self.requests) == 2
        self._always(broken)
        self.running.fake.requests.clear()
        with pytest.raises(SlackApiError, match="internal_error"):
            client.chat_postMessage(channel="C1", text="hi")
        assert len(self.requests) == 1

    def test_a_limit_with_a_200(self, client: WebClient) -> None:
        """It was not executed: the message is sent again."""
        self.running.fake.reply(200, {"ok": False, "error": "ratelimited"})
        assert client.chat_postMessage(channel="C1", text="hi")["ts"] == "1.0"
        assert len(self.requests) == 2
