"""What Google's APIs have in common: the error envelope of google.rpc, and when to come again.

Source: https://cloud.google.com/apis/design/errors, from memory in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from outrider.plugin import Problem, Provider, Response, json_of

_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Google(Provider):
    """An API of Google's."""

    def retry_after(self, response: Response) -> float | None:
        """Read google.rpc.RetryInfo, in seconds: `"retryDelay": "34s"`."""
        body = json_of(response)
        error = body.get("error") if isinstance(body, Mapping) else None
        details = error.get("details") if isinstance(error, Mapping) else None
        for detail in details if isinstance(details, list) else ():
            delay = detail.get("retryDelay") if isinstance(detail, Mapping) else None
            match = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
            if match is not None:
                return float(match[1])
        return None

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give google.rpc.Status, as JSON has it."""
        message = f"{problem.detail} ({problem.outrider_id})"
        code = _CODES.get(problem.status, "INTERNAL")
        return {"error": {"code": problem.status, "message": message, "status": code}}
