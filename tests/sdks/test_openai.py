"""openai against OpenAI."""

from typing import Any

import openai

from outrider.testing import Step, reply, sse, stream
from sdks.chat import MESSAGES, completion, piece
from sdks.running import ATTEMPTS
from sdks.sdk import Answer, Pages, Sdk, Streams, by_body, paged


def files(*ids: str, more: bool) -> dict[str, Any]:
    data = [
        {
            "id": each,
            "object": "file",
            "bytes": 1,
            "created_at": 1,
            "filename": "f",
            "purpose": "batch",
            "status": "processed",
        }
        for each in ids
    ]
    return {"object": "list", "data": data, "has_more": more}


class TestOpenAI(Pages, Streams, Sdk):
    provider = "openai"
    names = {"OpenAI": openai.OpenAI}
    errors = (openai.APIStatusError,)
    limit = reply(
        429,
        {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
        {"Retry-After": "0", "x-ratelimit-limit-requests": "60"},
    )
    failure = reply(500, {"error": {"message": "oops", "type": "server_error", "param": None, "code": None}})

    def routes(self) -> dict[str, Answer]:
        streamed = stream(piece("one"), Step.WAIT, piece("two"), sse("[DONE]"))
        return {
            "POST /v1/chat/completions": by_body("stream", {None: completion("hello"), True: streamed}),
            "GET /v1/files": paged(
                "after", {"": files("f1", "f2", more=True), "f2": files("f3", more=False)}
            ),
        }

    def call(self, client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(model="m", messages=MESSAGES)
        assert answer.choices[0].message.content == "hello"

    def page(self, client: openai.OpenAI) -> None:
        assert [each.id for each in client.files.list()] == ["f1", "f2", "f3"]

    def stream(self, client: openai.OpenAI) -> None:
        seen = []
        for event in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
            seen.append(event.choices[0].delta.content)
            if len(seen) == 1:
                self.running.fake.release()
        assert seen == ["one", "two"]

    def test_a_lock(self, client: openai.OpenAI) -> None:
        """Another call held it: the call is sent again here, and not by the SDK besides."""
        self.running.fake.reply(
            409, {"error": {"message": "locked", "type": "conflict", "param": None, "code": None}}
        )
        self.call(client)
        assert len(self.requests) == 2
        self._always(
            reply(409, {"error": {"message": "locked", "type": "conflict", "param": None, "code": None}})
        )
        self.running.fake.requests.clear()
        self.fail(client)
        assert len(self.requests) == ATTEMPTS

    def test_a_spent_quota(self, client: openai.OpenAI) -> None:
        """No wait helps: it is asked once."""
        body = {
            "error": {
                "message": "pay",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            }
        }
        self._always(reply(429, body))
        self.fail(client)
        assert len(self.requests) == 1
