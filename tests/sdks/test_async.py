"""The asynchronous clients of SDKs: the claims of the synchronous ones, over other HTTP libraries.

Each class is the one of its SDK with another client, whose calls are run to their end one by one, and with an
integration of its own: both on one would spend its budget of retries.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import algoliasearch.search.client
import anthropic
import cloudflare
import mistralai.client
import notion_client
import openai
import pytest
import slack_sdk.web.async_client
from notion_client.helpers import async_collect_paginated_api

from sdks import (
    test_algolia,
    test_anthropic,
    test_cloudflare,
    test_gemini,
    test_mistral,
    test_notion,
    test_openai,
    test_slack,
    test_stripe,
)
from sdks.chat import MESSAGES
from sdks.sdk import Sdk

T = TypeVar("T")


class Asynchronous(Sdk):
    """One whose client is used within an event loop of its own."""

    loop: asyncio.Runner

    def connect(self, line: str) -> Any:
        self.loop = asyncio.Runner()
        return self.run(self._connect(line))

    async def _connect(self, line: str) -> Any:
        return super().connect(line)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call to its end."""
        return self.loop.run(call)

    def close(self, client: Any) -> None:
        self.run(self.leave(client))
        self.loop.close()

    async def leave(self, client: Any) -> None:
        """Close the client."""
        await client.close()

    async def released(self, events: Any, text: Any) -> None:
        """Read a stream of two events; the provider writes the second when the first has come."""
        seen = []
        async for event in events:
            seen.append(text(event))
            if len(seen) == 1:
                self.running.fake.release()
        assert seen == ["one", "two"]


class TestAsyncOpenAI(Asynchronous, test_openai.TestOpenAI):
    provider = "openai"
    integration = "openai-async"
    names = {"OpenAI": openai.AsyncOpenAI}

    def call(self, client: Any) -> None:
        answer = self.run(client.chat.completions.create(model="m", messages=MESSAGES))
        assert answer.choices[0].message.content == "hello"

    def page(self, client: Any) -> None:
        async def pages() -> list[str]:
            return [each.id async for each in client.files.list()]

        assert self.run(pages()) == ["f1", "f2", "f3"]

    def stream(self, client: Any) -> None:
        async def streamed() -> None:
            events = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            await self.released(events, lambda event: event.choices[0].delta.content)

        self.run(streamed())

    def test_calls_at_once(self, client: Any) -> None:
        """A hundred, over the connections that the client opens: each gets its own answer."""

        async def calls() -> list[Any]:
            create = client.chat.completions.create
            return await asyncio.gather(*(create(model="m", messages=MESSAGES) for _ in range(100)))

        assert {each.choices[0].message.content for each in self.run(calls())} == {"hello"}
        assert len(self.requests) == 100


class TestAsyncAnthropic(Asynchronous, test_anthropic.TestAnthropic):
    provider = "anthropic"
    integration = "anthropic-async"
    names = {"Anthropic": anthropic.AsyncAnthropic}

    def call(self, client: Any) -> None:
        answer = self.run(client.messages.create(model="m", max_tokens=5, messages=MESSAGES))
        assert answer.content[0].text == "hello"

    def page(self, client: Any) -> None:
        async def pages() -> list[str]:
            return [each.id async for each in client.models.list()]

        assert self.run(pages()) == ["m1", "m2", "m3"]

    def stream(self, client: Any) -> None:
        async def streamed() -> None:
            async with client.messages.stream(model="m", max_tokens=5, messages=MESSAGES) as events:
                await self.released(events.text_stream, str)

        self.run(streamed())


class TestAsyncMistral(Asynchronous, test_mistral.TestMistral):
    provider = "mistral"
    integration = "mistral-async"
    names = {"Mistral": mistralai.client.Mistral}

    async def leave(self, client: Any) -> None:
        await client.__aexit__(None, None, None)

    def call(self, client: Any) -> None:
        answer = self.run(client.chat.complete_async(model="m", messages=MESSAGES))
        assert answer.choices[0].message.content == "hello"

    def page(self, client: Any) -> None:
        pages = [self.run(client.files.list_async(page=page, page_size=2)) for page in (0, 1)]
        assert [str(each.id)[-1] for page in pages for each in page.data] == ["1", "2", "3"]

    def stream(self, client: Any) -> None:
        script = (test_mistral.piece("one"), test_mistral.Step.WAIT, test_mistral.piece("two"))
        self.running.fake.stream(*script, test_mistral.sse("[DONE]"))

        async def streamed() -> None:
            events = await client.chat.stream_async(model="m", messages=MESSAGES)
            await self.released(events, lambda event: event.data.choices[0].delta.content)

        self.run(streamed())


# It subclasses aiohttp's session, which aiohttp warns of.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestAsyncGemini(Asynchronous, test_gemini.TestGemini):
    provider = "gemini"
    integration = "gemini-async"

    async def leave(self, client: Any) -> None:
        await client.aio.aclose()
        client.close()

    def call(self, client: Any) -> None:
        assert self.run(client.aio.models.generate_content(model="m", contents="hi")).text == "hello"

    def page(self, client: Any) -> None:
        async def pages() -> list[str]:
            return [each.name async for each in await client.aio.files.list()]

        assert self.run(pages()) == ["files/f1", "files/f2", "files/f3"]

    def stream(self, client: Any) -> None:
        async def streamed() -> None:
            events = await client.aio.models.generate_content_stream(model="m", contents="hi")
            await self.released(events, lambda event: event.text)

        self.run(streamed())

    def test_a_file_is_uploaded_through_us(self, client: Any, tmp_path: Any) -> None:
        """The URL of the upload, in a field of the provider's answer, leads back."""
        path = tmp_path / "notes.txt"
        path.write_text("hello")
        assert self.run(client.aio.files.upload(file=path)).name == "files/f1"
        assert [request.body for request in self.requests][-1] == b"hello"


class TestAsyncCloudflare(Asynchronous, test_cloudflare.TestCloudflare):
    provider = "cloudflare"
    integration = "cloudflare-async"
    names = {"Cloudflare": cloudflare.AsyncCloudflare}

    def call(self, client: Any) -> None:
        assert self.run(client.user.tokens.verify()).status == "active"

    def page(self, client: Any) -> None:
        async def pages() -> list[str]:
            return [each.id async for each in client.zones.list()]

        assert self.run(pages()) == ["1", "2", "3"]

    def test_a_zone_is_created_once(self, client: Any) -> None:
        """There is no key, so neither we nor the SDK send it again."""
        self._always(self.failure)
        with pytest.raises(self.errors):
            self.run(client.zones.create(account={"id": "a"}, name="a.example"))
        assert len(self.requests) == 1


# It gives httpx a form as bytes, which httpx warns of.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestAsyncStripe(Asynchronous, test_stripe.TestStripe):
    provider = "stripe"
    integration = "stripe-async"

    async def leave(self, client: Any) -> None:
        await client._requestor._client.close_async()

    def call(self, client: Any) -> None:
        assert self.run(client.v1.balance.retrieve_async()).object == "balance"

    def page(self, client: Any) -> None:
        async def pages() -> list[str]:
            first = await client.v1.customers.list_async()
            return [each.id async for each in first.auto_paging_iter()]

        assert self.run(pages()) == ["cus_1", "cus_2", "cus_3"]

    def test_a_keyed_post_is_sent_again(self, client: Any) -> None:
        """With the SDK's own key, the same each time."""
        self.running.fake.answer(self.failure)
        assert self.run(client.v1.charges.create_async({"amount": 5, "currency": "eur"})).id == "ch_1"
        first, second = (request.header("Idempotency-Key") for request in self.requests)
        assert first
        assert first == second


class TestAsyncSlack(Asynchronous, test_slack.TestSlack):
    provider = "slack"
    integration = "slack-async"
    names = {"WebClient": slack_sdk.web.async_client.AsyncWebClient}

    async def leave(self, client: Any) -> None:
        """It has a session for each call."""

    def call(self, client: Any) -> None:
        assert self.run(client.auth_test())["user"] == "ada"

    def page(self, client: Any) -> None:
        async def pages() -> list[str]:
            first = await client.conversations_list(limit=2)
            return [each["id"] async for page in first for each in page["channels"]]

        assert self.run(pages()) == ["C1", "C2", "C3"]

    def test_a_file_is_uploaded_through_us(self, client: Any, tmp_path: Any) -> None:
        """The URL of the upload is in the body of an answer."""
        path = tmp_path / "notes.txt"
        path.write_text("hello")
        made = self.run(client.files_upload_v2(file=str(path), title="notes", channel="C1"))
        assert made["files"][0]["id"] == "F1"
        (upload,) = self.running.further.requests
        assert b"hello" in upload.body

    def test_a_failure_with_a_200(self, client: Any) -> None:
        """What only reads is asked again; a message may have been posted, so the app is told at once."""
        broken = test_slack.reply(200, {"ok": False, "error": "internal_error"})
        self.running.fake.answer(broken)
        self.call(client)
        assert len(self.requests) == 2
        self._always(broken)
        self.running.fake.requests.clear()
        with pytest.raises(self.errors, match="internal_error"):
            self.run(client.chat_postMessage(channel="C1", text="hi"))
        assert len(self.requests) == 1

    def test_a_limit_with_a_200(self, client: Any) -> None:
        """It was not executed: the message is sent again."""
        self.running.fake.reply(200, {"ok": False, "error": "ratelimited"})
        assert self.run(client.chat_postMessage(channel="C1", text="hi"))["ts"] == "1.0"
        assert len(self.requests) == 2


class TestAsyncNotion(Asynchronous, test_notion.TestNotion):
    provider = "notion"
    integration = "notion-async"

    def connect(self, line: str) -> Any:
        return super().connect(line.replace("Client(", "AsyncClient("))

    async def leave(self, client: Any) -> None:
        await client.aclose()

    def call(self, client: Any) -> None:
        assert self.run(client.users.me())["id"] == "u1"

    def page(self, client: Any) -> None:
        found = self.run(async_collect_paginated_api(client.search))
        assert [each["id"] for each in found] == ["1", "2", "3"]

    def test_too_much_load(self, client: notion_client.AsyncClient) -> None:
        """A 529 is waited for, whatever the call."""
        error = test_notion.error(529, "service_overload")
        self.running.fake.reply(529, error, {"Retry-After": "0"})
        assert self.run(client.pages.create(parent={}, properties={}))["id"] == "p1"

    def test_a_search_is_a_read(self, client: Any) -> None:
        """A POST that is tried again."""
        self.running.fake.answer(self.failure)
        assert len(self.run(client.search(start_cursor="c2"))["results"]) == 1


class TestAsyncAlgolia(Asynchronous, test_algolia.TestAlgolia):
    provider = "algolia"
    integration = "algolia-async"
    names = {
        **test_algolia.TestAlgolia.names,
        "SearchClientSync": algoliasearch.search.client.SearchClient,
    }

    def call(self, client: Any) -> None:
        found = self.run(client.search_single_index("things", {"query": "a"}))
        assert [hit.object_id for hit in found.hits] == ["1", "2"]

    def page(self, client: Any) -> None:
        asked = [{"query": "a", "page": page} for page in (0, 1)]
        pages = [self.run(client.search_single_index("things", one)) for one in asked]
        assert [hit.object_id for page in pages for hit in page.hits] == ["1", "2", "3"]

    def test_what_is_added_is_sent_once(self, client: Any) -> None:
        """It makes an id of its own each time."""
        self._always(self.failure)
        with pytest.raises(self.errors):
            self.run(client.save_object("things", {"name": "a"}))
        assert len(self.requests) == 1
