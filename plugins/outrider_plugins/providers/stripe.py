"""Stripe. Facts: https://docs.stripe.com/api and https://docs.stripe.com/rate-limits, November 2026."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from outrider.plugin import Problem, Provider, Response, hookimpl


class Stripe(Provider):
    """The payment API. Its SDK sends the key as a Bearer token; Basic with the key as user works too."""

    name = "stripe"
    base_url = "https://api.stripe.com"
    documentation = "https://docs.stripe.com/api"
    sdk = "stripe"
    idempotency_header = "Idempotency-Key"
    stop_headers = (("Stripe-Should-Retry", "false"),)

    def should_retry(self, response: Response) -> bool | None:
        """Give Stripe's own word, which its SDKs obey: `Stripe-Should-Retry`."""
        word = response.headers.get("Stripe-Should-Retry")
        return {"true": True, "false": False}.get(word or "")

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give the envelope that the SDK makes an `APIError` of."""
        kind = "invalid_request_error" if problem.status < 500 and problem.status != 429 else "api_error"
        code = {401: "api_key_expired", 429: "rate_limit"}.get(problem.status)
        error: dict[str, object] = {"type": kind, "message": f"{problem.detail} ({problem.outrider_id})"}
        if code is not None:
            error["code"] = code
        return {"error": error}


@hookimpl
def outrider_providers() -> Iterable[type[Provider]]:
    """Give Stripe."""
    return [Stripe]
