"""openrouter against OpenRouter."""

from openrouter import OpenRouter
from openrouter.errors import OpenRouterError

from outrider.testing import Step, reply, sse, stream
from sdks.chat import MESSAGES, completion, piece
from sdks.sdk import Answer, Sdk, Streams, by_body


class TestOpenRouter(Streams, Sdk):
    provider = "openrouter"
    names = {"OpenRouter": OpenRouter}
    errors = (OpenRouterError,)
    limit = reply(429, {"error": {"code": 429, "message": "Rate limit exceeded"}}, {"Retry-After": "0"})
    failure = reply(500, {"error": {"code": 500, "message": "oops"}})

    def routes(self) -> dict[str, Answer]:
        streamed = stream(piece("one"), Step.WAIT, piece("two"), sse("[DONE]"))
        return {
            "POST /api/v1/chat/completions": by_body(
                "stream", {None: completion("hello"), False: completion("hello"), True: streamed}
            ),
        }

    def call(self, client: OpenRouter) -> None:
        answer = client.chat.send(model="m", messages=MESSAGES)
        assert answer.choices[0].message.content == "hello"

    def stream(self, client: OpenRouter) -> None:
        seen = []
        with client.chat.send(model="m", messages=MESSAGES, stream=True) as events:
            for event in events:
                seen.append(event.choices[0].delta.content)
                if len(seen) == 1:
                    self.running.fake.release()
        assert seen == ["one", "two"]

    def test_a_spent_balance(self, client: OpenRouter) -> None:
        """No wait helps: it is asked once; one that is only in flight is waited for."""
        spent = {"error": {"code": 402, "message": "no", "metadata": {"limit_source": "openrouter_credits"}}}
        busy = {
            "error": {
                "code": 402,
                "message": "no",
                "metadata": {"limit_source": "openrouter_in_flight_budget"},
            }
        }
        self.running.fake.reply(402, busy, {"Retry-After": "0"})
        self.call(client)
        self.running.fake.requests.clear()
        self._always(reply(402, spent))
        self.fail(client)
        assert len(self.requests) == 1
