"""One question to a model in the words of four APIs."""

import json
from itertools import permutations
from typing import Any

import pytest

from outrider.config import Fallback
from outrider.operation import Request, Untranslatable
from outrider_plugins.translate.chat import AzureChat, MistralChat, OpenAIChat, OpenRouterChat

APIS = [OpenAIChat(), AzureChat(), MistralChat(), OpenRouterChat()]


def asked(api: OpenAIChat, **body: Any) -> Request:
    fields = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    return Request("POST", api.path, json.dumps(fields).encode())


@pytest.mark.parametrize(("one", "other"), list(permutations(APIS, 2)))
def test_each_example_means_the_same_everywhere(one: OpenAIChat, other: OpenAIChat) -> None:
    """Each of the four can stand in for each other."""
    meant = one.read(one.example)

    assert other.read(other.write(meant)) == meant


def test_azure_names_the_model_in_its_path() -> None:
    """Where the body does not."""
    request = Request(
        "POST", "/openai/deployments/gpt-4o/chat/completions?api-version=1", b'{"messages": []}'
    )

    assert AzureChat().read(request).model == "gpt-4o"
    with pytest.raises(ValueError, match="no model"):
        OpenAIChat().read(Request("POST", "/v1/chat/completions", b'{"messages": []}'))


def test_fields_have_other_names() -> None:
    """The seed at Mistral, and the limit of tokens at OpenAI."""
    meant = OpenAIChat().read(asked(APIS[0], seed=1, max_completion_tokens=5))

    assert json.loads(MistralChat().write(meant).body).items() >= {"random_seed": 1, "max_tokens": 5}.items()
    assert json.loads(OpenRouterChat().write(meant).body).items() >= {"seed": 1, "max_tokens": 5}.items()


def test_models_have_other_names() -> None:
    """Those of `fallback.models`; any other keeps its own."""
    names = Fallback(targets=["b"], models={"m": "openai/m"})

    assert APIS[0].adapt(APIS[0].read(asked(APIS[0])), names).model == "openai/m"
    assert APIS[0].adapt(APIS[0].read(asked(APIS[0], model="n")), names).model == "n"


def test_bookkeeping_is_left_out() -> None:
    """The answer is the same without it."""
    meant = OpenAIChat().read(asked(APIS[0], user="u", metadata={}, service_tier="flex"))

    assert set(json.loads(MistralChat().write(meant).body)) == {"model", "messages"}


def test_what_is_not_known_to_mean_the_same_is_not_asked() -> None:
    """Audio nowhere, the bias of tokens not at Mistral."""
    with pytest.raises(Untranslatable, match="'audio'"):
        OpenAIChat().read(asked(APIS[0], audio={}))
    with pytest.raises(Untranslatable, match="'logit_bias'"):
        MistralChat().write(OpenAIChat().read(asked(APIS[0], logit_bias={})))
