"""mistralai against Mistral."""

from typing import Any

from mistralai.client import Mistral, errors

from outrider.testing import Step, reply, sse
from sdks.chat import MESSAGES
from sdks.sdk import Answer, Pages, Sdk, Streams, paged

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
HEAD = {"id": "c1", "created": 1, "model": "m"}


def piece(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return sse({**HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def files(*ids: str) -> dict[str, Any]:
    more = {
        "object": "file",
        "bytes": 1,
        "created_at": 1,
        "filename": "f",
        "purpose": "batch",
        "sample_type": "batch_request",
        "source": "upload",
    }
    return {
        "object": "list",
        "total": 3,
        "data": [{"id": f"00000000-0000-0000-0000-00000000000{each}", **more} for each in ids],
    }


class TestMistral(Pages, Streams, Sdk):
    provider = "mistral"
    names = {"Mistral": Mistral}
    errors = (errors.SDKError,)
    limit = reply(
        429, {"object": "error", "message": "slow down", "type": "rate_limited"}, {"Retry-After": "0"}
    )
    failure = reply(500, {"object": "error", "message": "oops", "type": "internal"})

    def routes(self) -> dict[str, Answer]:
        choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        return {
            "POST /v1/chat/completions": {
                **HEAD,
                "object": "chat.completion",
                "choices": [choice],
                "usage": USAGE,
            },
            "GET /v1/files": paged("page", {"0": files("1", "2"), "1": files("3")}),
        }

    def call(self, client: Mistral) -> None:
        answer = client.chat.complete(model="m", messages=MESSAGES)
        assert answer.choices[0].message.content == "hello"

    def page(self, client: Mistral) -> None:
        found = [each.id for page in (0, 1) for each in client.files.list(page=page, page_size=2).data]
        assert [str(each)[-1] for each in found] == ["1", "2", "3"]

    def stream(self, client: Mistral) -> None:
        self.running.fake.stream(piece("one"), Step.WAIT, piece("two"), sse("[DONE]"))
        seen = []
        with client.chat.stream(model="m", messages=MESSAGES) as events:
            for event in events:
                seen.append(event.data.choices[0].delta.content)
                if len(seen) == 1:
                    self.running.fake.release()
        assert seen == ["one", "two"]
