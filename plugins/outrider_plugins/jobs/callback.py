"""Callbacks: an app that is told when its job has ended, at a URL that `jobs.callbacks` allows.

`POST` with JSON, signed as Standard Webhooks says (https://github.com/standard-webhooks, read 2026-11-25):
`webhook-id` (the same each time), `webhook-timestamp`, `webhook-signature: v1,...`. Any 2xx takes it;
anything else is tried again by the `base`, `cap` and `keep` of `jobs`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable
from time import time
from typing import Any

from outrider.config import Jobs as Options
from outrider.config import Url
from outrider.plugin import OutriderError, Secret, fetch, field
from outrider_plugins.retry.backoff import Backoff

_PREFIX = "whsec_"
TIMEOUT_S = 15.0


def allowed(url: str, among: Iterable[Url]) -> bool:
    """Whether an app may name this URL: one of these, or below one of them."""
    try:
        asked = Url.parse(url)
    except ValueError:
        return False
    return any(
        (asked.scheme, asked.host, asked.port) == (one.scheme, one.host, one.port)
        and (asked.path == one.path or asked.path.startswith(f"{one.path.rstrip('/')}/"))
        for one in among
    )


def message_id(told: dict[str, Any]) -> str:
    """Give the id of what is told: the same each time, and another one when a retried job ends again."""
    return f"job_{told['id']}_{''.join(filter(str.isdigit, told['finished']))}"


def signed(secret: str, id: str, at: float, body: bytes) -> list[tuple[bytes, bytes]]:
    """Give the fields that say who sent it, and that it was not changed."""
    timestamp = str(int(at))
    mac = hmac.new(_key(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    signature = base64.b64encode(mac.digest()).decode()
    return [
        field("webhook-id", id),
        field("webhook-timestamp", timestamp),
        field("webhook-signature", f"v1,{signature}"),
        field("Content-Type", "application/json"),
    ]


def _key(secret: str) -> bytes:
    """Read `whsec_` and base64; a secret that is none is taken as it stands."""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()


async def call(url: str, secret: Secret, told: dict[str, Any]) -> str:
    """Tell an app once of a job that has ended; "" when it took it, else why it did not."""
    parsed = Url.parse(url)
    body = json.dumps({"type": f"job.{told['state']}", "timestamp": told["finished"], "data": told}).encode()
    try:
        answer = await fetch(
            "POST",
            parsed,
            headers=signed(secret.value, message_id(told), time(), body),
            body=body,
            timeout_s=TIMEOUT_S,
        )
    except OutriderError as error:
        return error.detail
    return "" if 200 <= answer.status < 300 else f"the app answered {answer.status}"


def next_try(options: Options, attempts: int, finished: float, now: float) -> float | None:
    """Give when to tell it again after so many attempts; None when that is over."""
    due = now + Backoff(options).delay_s(attempts)
    return due if due < finished + options.keep else None
