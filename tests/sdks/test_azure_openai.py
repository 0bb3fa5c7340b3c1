"""openai against Azure OpenAI."""

from typing import Any

import openai

from outrider.testing import ReceivedRequest, Step, reply, sse, stream
from sdks.chat import MESSAGES, completion, piece
from sdks.sdk import Answer, Sdk, Streams, by_body


class TestAzureOpenAI(Streams, Sdk):
    provider = "azure_openai"
    names = {"AzureOpenAI": openai.AzureOpenAI}
    errors = (openai.APIStatusError,)
    limit = reply(
        429,
        {"error": {"code": "429", "message": "Please retry after 0 seconds."}},
        {"Retry-After": "0", "x-ratelimit-remaining-requests": "-1"},
    )
    failure = reply(500, {"error": {"code": "500", "message": "oops"}})

    def credential(self, request: ReceivedRequest) -> str:
        return request.header("api-key") or ""

    def routes(self) -> dict[str, Answer]:
        streamed = stream(piece("one"), Step.WAIT, piece("two"), sse("[DONE]"))
        answers = by_body("stream", {None: completion("hello"), True: streamed})
        return {
            "POST /openai/deployments/m/chat/completions": answers,
            "POST /openai/v1/chat/completions": answers,
        }

    def call(self, client: Any) -> None:
        answer = client.chat.completions.create(model="m", messages=MESSAGES)
        assert answer.choices[0].message.content == "hello"

    def stream(self, client: Any) -> None:
        seen = []
        for event in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
            seen.append(event.choices[0].delta.content)
            if len(seen) == 1:
                self.running.fake.release()
        assert seen == ["one", "two"]

    def test_the_v1_api(self, client: Any) -> None:
        """As the note says: the plain client, with a path of its own."""
        line = self.facts.sdk_note.split("`")[1].replace("{url}", self.running.url("azure_openai"))
        self.call(eval(line, {"OpenAI": openai.OpenAI}))
        assert self.requests[-1].target == "/openai/v1/chat/completions"
