"""OpenAI-shaped chat: OpenAI, Azure OpenAI, Mistral and OpenRouter say nearly the same.

Paths and the names of models differ, and a few fields. Answers are alike: they pass as they come, streams
too. Sources: the API references of the four, from memory in November 2026; a field that is not known to mean
the same is not translated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from outrider.config import Fallback
from outrider.operation import Operation, Request, Untranslatable

#: The name of the operation in `operations`.
CHAT = "chat-completions"

#: What all four take, with the same meaning.
_SHARED = frozenset(
    (
        "frequency_penalty",
        "max_tokens",
        "messages",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "stream",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
    )
)
_LOGS = frozenset(("logit_bias", "logprobs", "top_logprobs"))
#: About the caller's account or bookkeeping: without them the answer is the same.
_DROPPED = frozenset(
    (
        "metadata",
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "store",
        "stream_options",
        "user",
    )
)


@dataclass(frozen=True, slots=True)
class Chat:
    """What is asked of a model: the fields that all take, by OpenAI's names, and further ones by the same."""

    model: str
    fields: Mapping[str, Any]


class OpenAIChat(Operation[Chat]):
    """The shape itself, as OpenAI has it; the others are what differs from it."""

    calls: ClassVar[tuple[str, ...]] = ("POST /v1/chat/completions",)
    repeatable = True
    example = Request(
        "POST",
        "/v1/chat/completions",
        b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "seed": 1, "stream": true}',
    )
    path: ClassVar[str] = "/v1/chat/completions"
    names: ClassVar[Mapping[str, str]] = {"max_tokens": "max_completion_tokens"}
    """Fields of another name here, by OpenAI's old ones."""
    further: ClassVar[frozenset[str]] = _LOGS | {"reasoning_effort"}
    """Fields beyond the shared ones, by OpenAI's names."""

    def read(self, request: Request) -> Chat:
        """Read it."""
        body = json.loads(request.body)
        meant = {ours: theirs for theirs, ours in self.names.items()}
        fields = {meant.get(name, name): value for name, value in body.items() if name not in _DROPPED}
        model = fields.pop("model", None) or self._model_of(request)
        for name in sorted(fields.keys() - _SHARED - self.further):
            raise Untranslatable(f"'{name}'")
        if not isinstance(model, str):
            raise ValueError("no model")
        return Chat(model, fields)

    def write(self, meant: Chat) -> Request:
        """Write it."""
        for name in sorted(meant.fields.keys() - _SHARED - self.further):
            raise Untranslatable(f"'{name}'")
        fields = {self.names.get(name, name): value for name, value in meant.fields.items()}
        return Request("POST", self.path, json.dumps({"model": meant.model, **fields}).encode())

    def adapt(self, meant: Chat, fallback: Fallback) -> Chat:
        """Give the model its name there, of `fallback.models`."""
        return replace(meant, model=fallback.models.get(meant.model, meant.model))

    def _model_of(self, request: Request) -> str | None:
        return None


class AzureChat(OpenAIChat):
    """Azure's own path names the deployment; what is written goes to its v1 path, which is like OpenAI's."""

    calls = (
        "POST /openai/v1/chat/completions",
        "POST /openai/deployments/{deployment}/chat/completions",
    )
    path = "/openai/v1/chat/completions"
    example = Request(
        "POST",
        "/openai/deployments/m/chat/completions?api-version=2024-10-21",
        b'{"messages": [{"role": "user", "content": "Hi"}], "seed": 1, "stream": true}',
    )

    def _model_of(self, request: Request) -> str | None:
        parts = request.target.partition("?")[0].split("/")
        return parts[3] if parts[1:3] == ["openai", "deployments"] else None


class MistralChat(OpenAIChat):
    """Another name for the seed, no developer's role; its answers are OpenAI's."""

    names: ClassVar[Mapping[str, str]] = {"seed": "random_seed"}
    further = frozenset()

    def write(self, meant: Chat) -> Request:
        """Write it."""
        messages = [
            {**message, "role": "system"} if message.get("role") == "developer" else message
            for message in meant.fields["messages"]
        ]
        return super().write(replace(meant, fields={**meant.fields, "messages": messages}))


class OpenRouterChat(OpenAIChat):
    """Its models have the names of their makers, `openai/gpt-4o`: write them in `fallback.models`."""

    calls = ("POST /api/v1/chat/completions",)
    path = "/api/v1/chat/completions"
    names: ClassVar[Mapping[str, str]] = {}
    further = _LOGS
    example = replace(OpenAIChat.example, target="/api/v1/chat/completions")
