"""The sandbox: a provider inside Outrider, so that everything can be tried without an account.

It wants a key, keeps a rate limit with the usual fields, streams, and fails when asked to:

    GET  /                    what there is
    POST /v1/charges          make a charge; GET lists them, GET /v1/charges/ID gives one
    GET  /stream?events=5     server-sent events, `interval` milliseconds apart (200)
    GET  /status/503          that status; a 429 or 503 comes with a Retry-After
    GET  /delay/2             an answer after two seconds
    GET  /flaky?rate=0.5      a 503 that often
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Mapping
from time import time
from urllib.parse import parse_qs

from outrider.plugin import (
    Attempt,
    Generated,
    LocalProvider,
    Options,
    Problem,
    Provider,
    Rate,
    Response,
    hookimpl,
    respond,
)

#: The newest charges that are remembered.
KEPT = 1000
MAX_DELAY_S = 60.0
MAX_EVENTS = 10_000


class SandboxOptions(Options):
    """`[integrations.NAME.sandbox]`: how the sandbox behaves.

    ```toml
    [integrations.sandbox.sandbox]
    key = "sandbox-key"      # what it wants as a Bearer token
    rate = "100/s"           # its limit
    ```
    """

    key: str = "sandbox-key"
    rate: Rate = Rate(100.0, 1.0)


class Sandbox(LocalProvider):
    """Answers as a payment provider would."""

    name = "sandbox"
    documentation = "http://127.0.0.1:8080/sandbox/"

    def __init__(self) -> None:
        self._charges: OrderedDict[str, dict[str, object]] = OrderedDict()
        self._made = 0
        self._window = 0.0
        self._used = 0

    async def serve(self, attempt: Attempt) -> Response:
        """Check the key and the limit, then answer."""
        options = attempt.to.config.tables.get("sandbox", SandboxOptions())
        assert isinstance(options, SandboxOptions)
        if attempt.headers.get("Authorization") != f"Bearer {options.key}":
            return _failure(401, "the key is missing or wrong")
        limit = self._count(options.rate)
        if limit["X-RateLimit-Remaining"] == "-1":
            limit["X-RateLimit-Remaining"] = "0"
            return _failure(429, "too many requests", {**limit, "Retry-After": limit["X-RateLimit-Reset"]})
        path, _, query = attempt.target.partition("?")
        response = await self._answer(
            attempt, path, {name: values[-1] for name, values in parse_qs(query).items()}
        )
        for name, value in limit.items():
            response.headers.add(name, value)
        return response

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give the sandbox's own envelope."""
        return {"error": {"code": problem.status, "message": problem.detail}}

    def _count(self, rate: Rate) -> dict[str, str]:
        now = time()
        if now - self._window >= rate.per_s:
            self._window, self._used = now, 0
        remaining = int(rate.count) - self._used - 1
        self._used += remaining >= 0
        reset = max(1, round(self._window + rate.per_s - now))
        return {
            "X-RateLimit-Limit": f"{rate.count:g}",
            "X-RateLimit-Remaining": str(max(remaining, -1)),
            "X-RateLimit-Reset": str(reset),
        }

    async def _answer(self, attempt: Attempt, path: str, query: Mapping[str, str]) -> Response:
        match attempt.method, path.strip("/").split("/"):
            case _, [""]:
                return respond(
                    200, {"sandbox": [line.strip() for line in (__doc__ or "").splitlines()[4:] if line]}
                )
            case "POST", ["v1", "charges"]:
                return respond(200, self._charge(await _read(attempt)))
            case "GET" | "HEAD", ["v1", "charges"]:
                return respond(200, {"object": "list", "data": list(reversed(self._charges.values()))[:10]})
            case "GET" | "HEAD", ["v1", "charges", id] if id in self._charges:
                return respond(200, self._charges[id])
            case _, ["stream"]:
                return _stream(_number(query, "events", 5), _number(query, "interval", 200) / 1e3)
            case _, ["status", status] if status.isdigit() and 200 <= int(status) <= 599:
                waits = {"Retry-After": "1"} if status in ("429", "503") else {}
                if int(status) < 400:
                    return respond(int(status), b"" if status in ("204", "304") else {"status": int(status)})
                return _failure(int(status), "as you asked", waits)
            case _, ["delay", seconds] if seconds.replace(".", "", 1).isdigit():
                await asyncio.sleep(min(float(seconds), MAX_DELAY_S))
                return respond(200, {"waited": min(float(seconds), MAX_DELAY_S)})
            case _, ["flaky"]:
                if random.random() < _number(query, "rate", 0.5):  # noqa: S311 - a die, not a key
                    return _failure(503, "bad luck", {"Retry-After": "1"})
                return respond(200, {"luck": "good"})
        return _failure(404, "the sandbox has no such thing; GET / lists what it has")

    def _charge(self, body: bytes) -> dict[str, object]:
        self._made += 1
        charge: dict[str, object] = {
            "id": f"ch_{self._made}",
            "object": "charge",
            "paid": True,
            "created": int(time()),
        }
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if isinstance(given, dict):
            charge.update(
                {name: given[name] for name in ("amount", "currency", "description") if name in given}
            )
        self._charges[str(charge["id"])] = charge
        if len(self._charges) > KEPT:
            self._charges.popitem(last=False)
        return charge


async def _read(attempt: Attempt, cap: int = 64 * 1024) -> bytes:
    data = b""
    async for piece in attempt.exchange.body.pieces():
        data += piece[: cap - len(data)]
    return data


def _number(query: Mapping[str, str], name: str, default: float) -> float:
    try:
        return max(0.0, min(float(query.get(name, default)), MAX_EVENTS))
    except ValueError:
        return default


def _stream(events: float, interval_s: float) -> Response:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for count in range(int(events)):
            if count:
                await asyncio.sleep(interval_s)
            yield b"data: %b\n\n" % json.dumps({"event": count}).encode()
        yield b"data: [DONE]\n\n"

    fields = [(b"Content-Type", b"text/event-stream"), (b"Cache-Control", b"no-store")]
    return Response(200, fields, Generated(pieces()), made_here=True)


def _failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return respond(status, {"error": {"code": status, "message": message}}, (headers or {}).items())


@hookimpl
def outrider_providers() -> Iterable[type[Provider]]:
    """Give the sandbox."""
    return [Sandbox]


@hookimpl
def outrider_tables() -> Mapping[str, type[Options]]:
    """Give the table that tunes it."""
    return {"sandbox": SandboxOptions}
