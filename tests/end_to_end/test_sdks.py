"""The openai and stripe SDKs at their defaults, with dummy keys, against fake providers."""

from collections.abc import Iterator

import openai
import pytest
import stripe

from outrider.testing import FakeProvider, Sidecar, Step, reply, sse

CONFIG = """
[integrations.openai]
provider = "openai"
base_url = "{url}"
[integrations.openai.auth]
type = "bearer"
token = "env:TEST_TOKEN"

[integrations.stripe]
provider = "stripe"
base_url = "{url}"
[integrations.stripe.auth]
type = "bearer"
token = "env:TEST_TOKEN"
"""
TOKEN = "end-to-end-secret"


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=provider.url), env={"TEST_TOKEN": TOKEN}) as started:
        yield started


@pytest.fixture
def client(sidecar: Sidecar, provider: FakeProvider) -> Iterator[openai.OpenAI]:
    provider.clear()
    with openai.OpenAI(api_key="dummy", base_url=f"{sidecar.url}/openai/v1", max_retries=0) as client:
        yield client


def _chunk(text: str) -> str:
    return (
        '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
        f'"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}'
    )


MESSAGES = [{"role": "user", "content": "hi"}]


def test_openai_plain(client: openai.OpenAI, provider: FakeProvider) -> None:
    """A completion goes through, with our key in place of the dummy."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    provider.reply(
        200, {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )

    answer = client.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]

    assert answer.choices[0].message.content == "hello"
    (request,) = provider.requests
    assert request.target == "/v1/chat/completions"
    assert request.values("Authorization") == [f"Bearer {TOKEN}"]


def test_openai_streamed(client: openai.OpenAI, provider: FakeProvider) -> None:
    """Each event reaches the SDK while the provider still writes."""
    provider.stream(sse(_chunk("one")), Step.WAIT, sse(_chunk("two")), sse("[DONE]"))

    seen = []
    for event in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):  # type: ignore[call-overload]
        seen.append(event.choices[0].delta.content)
        if len(seen) == 1:
            provider.release()

    assert seen == ["one", "two"]


def test_openai_understands_our_refusals(client: openai.OpenAI, provider: FakeProvider) -> None:
    """An answer of Outrider's own is an error of the SDK, in the provider's envelope."""
    for _ in range(4):
        provider.raw(b"rubbish\r\n\r\n", Step.CLOSE)

    with pytest.raises(openai.InternalServerError) as caught:
        client.with_options(max_retries=2).models.list()

    assert caught.value.status_code == 502
    assert caught.value.body is not None
    assert caught.value.code == "malformed_response"  # type: ignore[union-attr]
    assert len(provider.requests) == 4, "our attempts, and not ours times the SDK's"


def test_stripe(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A charge is made with our key; the SDK's own idempotency key goes along."""
    provider.clear()
    provider.reply(200, {"id": "ch_1", "object": "charge", "amount": 5})
    client = stripe.StripeClient("dummy", base_addresses={"api": f"{sidecar.url}/stripe"})

    charge = client.v1.charges.create({"amount": 5, "currency": "eur"})

    assert (charge.id, charge.amount) == ("ch_1", 5)
    (request,) = provider.requests
    assert request.target == "/v1/charges"
    assert request.values("Authorization") == [f"Bearer {TOKEN}"]
    assert len(request.values("Idempotency-Key")) == 1


def test_stripe_understands_a_providers_error(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The provider's own error reaches the SDK unchanged."""
    provider.handler = lambda request: reply(
        402, {"error": {"type": "card_error", "code": "card_declined", "message": "no"}}
    )
    client = stripe.StripeClient("dummy", base_addresses={"api": f"{sidecar.url}/stripe"})

    try:
        with pytest.raises(stripe.CardError) as caught:
            client.v1.charges.create({"amount": 5, "currency": "eur"})
    finally:
        provider.handler = None

    assert caught.value.code == "card_declined"
