"""OpenAI. Facts: https://platform.openai.com/docs/api-reference and its rate-limit guide, November 2026."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from outrider.plugin import Problem, Provider, Response, hookimpl

#: What a spent quota says, under the same 429 as "slow down": no wait helps.
_SPENT = ("insufficient_quota", "billing_hard_limit_reached")


class OpenAI(Provider):
    """The model API. `/v1` is part of the base URL that its SDK takes, so it is not part of ours."""

    name = "openai"
    base_url = "https://api.openai.com"
    documentation = "https://platform.openai.com/docs/api-reference"
    sdk = "openai"
    # The SDK itself waits ten minutes for an answer (x-stainless-read-timeout: 600).
    timeout: ClassVar[Mapping[str, float]] = {"response": 600.0, "idle": 600.0, "total": 600.0}

    def should_retry(self, response: Response) -> bool | None:
        """Give OpenAI's own word, which its SDKs obey: `x-should-retry`."""
        if response.status == 429 and any(word in response.text for word in _SPENT):
            return False
        word = response.headers.get("x-should-retry")
        return {"true": True, "false": False}.get(word or "")

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give the envelope that the SDK makes an `APIStatusError` of."""
        return {
            "error": {
                "message": f"{problem.detail} ({problem.outrider_id})",
                "type": "invalid_request_error" if problem.status < 500 else "server_error",
                "param": None,
                "code": problem.type.removeprefix("urn:outrider:").replace("-", "_"),
            }
        }


@hookimpl
def outrider_providers() -> Iterable[type[Provider]]:
    """Give OpenAI."""
    return [OpenAI]
