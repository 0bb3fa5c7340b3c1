"""anthropic against Anthropic."""

from typing import Any

import anthropic

from outrider.testing import ReceivedRequest, Step, reply, sse, stream
from sdks.sdk import Answer, Pages, Sdk, Streams, by_body, paged

MESSAGES: Any = [{"role": "user", "content": "hi"}]
HEAD = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "stop_reason": None,
    "stop_sequence": None,
}
USAGE = {"input_tokens": 1, "output_tokens": 1}


def models(*ids: str, more: bool) -> dict[str, Any]:
    data = [
        {"id": each, "type": "model", "display_name": each, "created_at": "2026-01-01T00:00:00Z"}
        for each in ids
    ]
    return {"data": data, "has_more": more, "first_id": ids[0], "last_id": ids[-1]}


def piece(text: str) -> bytes:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return sse(delta, event="content_block_delta")


STREAM = (
    sse({"type": "message_start", "message": {**HEAD, "content": [], "usage": USAGE}}, event="message_start"),
    sse(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        event="content_block_start",
    ),
    piece("one"),
    Step.WAIT,
    piece("two"),
    sse({"type": "content_block_stop", "index": 0}, event="content_block_stop"),
    sse({"type": "message_stop"}, event="message_stop"),
)


class TestAnthropic(Pages, Streams, Sdk):
    provider = "anthropic"
    names = {"Anthropic": anthropic.Anthropic}
    errors = (anthropic.APIStatusError,)
    limit = reply(
        429,
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
        {"Retry-After": "0", "anthropic-ratelimit-requests-limit": "50"},
    )
    failure = reply(500, {"type": "error", "error": {"type": "api_error", "message": "oops"}})

    def credential(self, request: ReceivedRequest) -> str:
        assert request.header("Authorization") is None
        return request.header("x-api-key") or ""

    def routes(self) -> dict[str, Answer]:
        message = {
            **HEAD,
            "content": [{"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
            "usage": USAGE,
        }
        return {
            "POST /v1/messages": by_body("stream", {None: message, True: stream(*STREAM)}),
            "GET /v1/models": paged(
                "after_id", {"": models("m1", "m2", more=True), "m2": models("m3", more=False)}
            ),
        }

    def call(self, client: anthropic.Anthropic) -> None:
        answer = client.messages.create(model="m", max_tokens=5, messages=MESSAGES)
        assert answer.content[0].text == "hello"  # type: ignore[union-attr]
        assert self.requests[-1].header("anthropic-version"), "the SDK's own"

    def page(self, client: anthropic.Anthropic) -> None:
        assert [each.id for each in client.models.list()] == ["m1", "m2", "m3"]

    def stream(self, client: anthropic.Anthropic) -> None:
        seen = []
        with client.messages.stream(model="m", max_tokens=5, messages=MESSAGES) as events:
            for text in events.text_stream:
                seen.append(text)
                if len(seen) == 1:
                    self.running.fake.release()
        assert seen == ["one", "two"]

    def test_overloaded(self, client: anthropic.Anthropic) -> None:
        """A 529 was not begun: it is waited for here, and told once at the end."""
        overloaded = reply(
            529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        )
        self.running.fake.answer(overloaded)
        self.call(client)
        self._always(overloaded)
        self.running.fake.requests.clear()
        self.fail(client)
        assert len(self.requests) == 3
