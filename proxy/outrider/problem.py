"""Turn an OutriderError into a response: the one place where that is done."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from .errors import AttemptFailed, Open, OutriderError
from .headers import Headers
from .response import Response, Whole

if TYPE_CHECKING:
    from .integration import Integration
    from .provider import Provider

_log = logging.getLogger("outrider")

#: Told of a longer wait, SDKs either come back at once (openai 1, anthropic 0, cloudflare) or sleep through
#: it, and the app with them (anthropic 2, PyGithub).
_LONG_WAIT_S = 60.0
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """The members of RFC 9457, and two of ours. A provider plugin puts them in its own envelope."""

    type: str
    title: str
    status: int
    detail: str
    integration: str
    outrider_id: str
    retry_after_s: float | None = None
    """Seconds until a second try is worth it; told as Retry-After, and no member."""


def answer(error: OutriderError, *, id: str, integration: Integration | None) -> Response:
    """Make the response for an error; in the provider's own envelope where its plugin has one."""
    detail = error.detail
    if integration is not None and isinstance(error, AttemptFailed | Open):
        incident = integration.target.incident
        if incident is not None:
            detail = f"{detail}; its provider says: {incident}"
    problem = Problem(
        type=f"urn:outrider:{error.kind}",
        title=_PHRASES.get(error.status, "Error"),
        status=error.status,
        detail=detail,
        integration=integration.name if integration is not None else "",
        outrider_id=id,
        retry_after_s=error.retry_after_s,
    )
    envelope: bytes | None = None
    if integration is not None and integration.target.provider is not None:
        envelope = _envelope(integration.target.provider, problem)
    headers = Headers()
    headers.add("Content-Type", PROBLEM_JSON if envelope is None else "application/json")
    headers.add("Proxy-Status", f"outrider; error={error.error_type}; details={_sf_string(detail)}")
    if error.status == 401:
        headers.add("WWW-Authenticate", 'Bearer realm="outrider"')
    if error.status == 426:
        headers.add("Upgrade", "websocket")
    if isinstance(error, AttemptFailed):
        for name, value in error.stops:
            headers.set(name, value)
    if error.retry_after_s is not None:
        headers.add("Retry-After", str(max(1, math.ceil(error.retry_after_s))))
        if error.retry_after_s > _LONG_WAIT_S and integration is not None:
            integration.target.stop(headers)
    data = json.dumps(_members(problem)).encode() if envelope is None else envelope
    return Response(error.status, headers.fields, Whole(data), made_here=True)


def _members(problem: Problem) -> dict[str, object]:
    members = asdict(problem)
    del members["retry_after_s"]
    return members


def _envelope(provider: Provider, problem: Problem) -> bytes | None:
    """Write the problem as the provider's API would; None where its plugin does not, or fails at it."""
    try:
        envelope = provider.error_body(problem)
        return None if envelope is None else json.dumps(envelope).encode()
    except Exception:  # noqa: BLE001 - whatever a plugin raises must not take the app's answer away
        plugin = type(provider).__module__
        _log.exception("plugin '%s': error_body of provider '%s' raised", plugin, provider.name)
        return None


def _sf_string(text: str) -> str:
    """Write text as a String of RFC 8941: ASCII, quotes and backslashes escaped."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
