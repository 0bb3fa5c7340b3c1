"""openai's SDK while OpenAI cannot, and each other API of its shape that answers instead."""

from collections.abc import Iterator

import openai
import pytest

from outrider.testing import FakeProvider, Sidecar, Step, sse
from sdks.chat import MESSAGES, completion, piece

#: The integration that stands in, the path that it is asked at, and where its key stands.
OTHERS = {
    "azure_openai": ("/openai/v1/chat/completions", "api-key", "other-key"),
    "mistral": ("/v1/chat/completions", "Authorization", "Bearer other-key"),
    "openrouter": ("/api/v1/chat/completions", "Authorization", "Bearer other-key"),
}
SPENT = {
    "error": {"message": "pay", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}
}


def tables(name: str, first: str, second: str) -> str:
    key = "value" if name == "azure_openai" else "token"
    return f"""
        [integrations.openai-{name}]
        provider = "openai"
        base_url = "{first}"
        auth = {{ token = "env:FIRST" }}
        fallback = {{ targets = ["{name}"], models = {{ "gpt-4o" = "theirs" }} }}
        [integrations.{name}]
        provider = "{name}"
        base_url = "{second}"
        auth = {{ {key} = "env:OTHER" }}
    """


@pytest.fixture(scope="module")
def first() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def second() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(first: FakeProvider, second: FakeProvider) -> Iterator[Sidecar]:
    config = "".join(tables(name, first.url, second.url) for name in OTHERS)
    env = {"FIRST": "first-key", "OTHER": "other-key", "NO_PROXY": "127.0.0.1,localhost"}
    with Sidecar(config, env=env) as started:
        yield started


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest, first: FakeProvider, second: FakeProvider) -> str:
    first.clear()
    second.clear()
    first.reply(429, SPENT)
    return str(request.param)


@pytest.fixture
def client(sidecar: Sidecar, other: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="x", base_url=f"{sidecar.url}/openai-{other}/v1") as client:
        yield client


def test_an_answer(client: openai.OpenAI, other: str, first: FakeProvider, second: FakeProvider) -> None:
    """With the model's name there, at the path there, with the credential for there; the SDK sees a success."""
    second.reply(200, completion("hello"))
    answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, seed=3)

    path, field, value = OTHERS[other]
    (request,) = second.requests
    assert answer.choices[0].message.content == "hello"
    assert len(first.requests) == 1
    assert (request.target, request.header(field)) == (path, value)
    seed = "random_seed" if other == "mistral" else "seed"
    assert request.json() == {"model": "theirs", "messages": MESSAGES, seed: 3}


def test_a_stream(client: openai.OpenAI, second: FakeProvider) -> None:
    """Each event reaches the SDK while the other API still writes."""
    second.stream(sse({"choices": []}), piece("one"), Step.WAIT, piece("two"), sse("[DONE]"))
    seen = []
    for event in client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
        if event.choices:
            seen.append(event.choices[0].delta.content)
        if seen == ["one"]:
            second.release()

    assert seen == ["one", "two"]
    assert second.requests[0].json()["stream"] is True


def test_both_cannot(client: openai.OpenAI, first: FakeProvider, second: FakeProvider) -> None:
    """The SDK raises an error of its own, and begins nothing anew."""
    for _ in range(8):
        second.reply(500, {"message": "oops"})
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert len(first.requests) == 1
    assert len(second.requests) == 4, "its attempts, and not those times the SDK's"
