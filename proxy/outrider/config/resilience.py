"""The tables of an integration about what may go wrong: limits, retries, breakers, fallbacks, jobs."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from outrider.headers import HOP_BY_HOP, OURS

from .base_url import Url, parse_path
from .call import Call
from .options import Options
from .secret import SecretRef
from .values import Duration, HeaderName, HeaderValue, Rate, Size, Timespan

#: Of these an answer of Outrider's own has one already.
_WRITTEN_BY_US = HOP_BY_HOP | {b"date", b"via"}
_WITHOUT_BODY = frozenset((204, 205, 304))


def _may_be_given(name: str) -> str:
    lower = name.lower().encode()
    if lower in _WRITTEN_BY_US or lower.startswith(OURS):
        raise ValueError("this field is written by Outrider; leave it out")
    return name


def _at_least_base(cap: float, told: ValidationInfo) -> float:
    # Of the key, not of the table: so it is said beside what is wrong with others.
    if told.data.get("base", 0.0) > cap:
        raise ValueError("base is longer than cap; make cap the longer one")
    return cap


_Cap = Annotated[Timespan, AfterValidator(_at_least_base)]
_GivenHeader = Annotated[HeaderName, AfterValidator(_may_be_given)]
_Path = Annotated[str, AfterValidator(parse_path)]


class Timeout(Options):
    """`timeout`: a time that is not given is None, and the provider's default or ours is used.

    ```toml
    timeout = { connect = "5s", response = "60s", idle = "60s", total = "120s" }
    ```
    """

    connect: Timespan | None = None
    response: Timespan | None = Field(None, description="from the request's end to the response's head")
    idle: Timespan | None = Field(None, description="between two pieces of a body")
    total: Timespan | None = Field(None, description="everything up to the head of the response")


class Limit(Options):
    """`[[integrations.NAME.limits]]`: as many as needed; the strictest wins.

    ```toml
    [[integrations.stripe.limits]]
    rate = "25/s"                      # N/s, N/m, N/h, N/d; rate or concurrency is needed
    burst = 25
    concurrency = 30
    wait = "5s"
    endpoints = ["POST /v1/charges"]   # all unless given
    observe = false                    # true: count, refuse nothing
    scope = "target"                   # or "key": for each key of a pool
    ```
    """

    rate: Rate | None = None
    burst: int | None = Field(None, ge=1, examples=[25])
    concurrency: int | None = Field(None, ge=1, examples=[30])
    wait: Duration = Field(5.0, description="how long a call may wait for its turn")
    endpoints: tuple[Call, ...] | None = Field(
        None, min_length=1, description="all unless given", examples=[["POST /v1/charges"]]
    )
    observe: bool = Field(False, description="count, refuse nothing")
    scope: Literal["target", "key"] = Field("target", description="key: for each key of a pool")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.rate is None and self.concurrency is None:
            raise ValueError('limits nothing; write rate = "25/s" or concurrency = 30')
        if self.burst is not None and self.rate is None:
            raise ValueError('a burst needs a rate; write rate = "25/s" too')
        return self


class Retry(Options):
    """`[integrations.NAME.retry]`.

    ```toml
    [integrations.stripe.retry]
    attempts = 4        # the first one included
    base = "250ms"      # exponential, full jitter
    cap = "8s"
    budget = 0.2        # retries as a share of requests
    ```
    """

    attempts: int = Field(4, ge=1, description="the first one included")
    base: Timespan = Field(0.25, description="exponential, full jitter")
    cap: _Cap = Field(8.0, validate_default=True)
    budget: float = Field(0.2, ge=0, le=1, description="retries as a share of requests")


class Breaker(Options):
    """`[integrations.NAME.breaker]`.

    ```toml
    [integrations.stripe.breaker]
    failures = 5        # in a row, then the target is left alone
    open = "30s"        # for so long
    rate = 0.5          # also when so large a share of the requests failed
    window = "10s"      # over this time
    minimum = 20        # once there were so many
    ```
    """

    failures: int = Field(5, ge=1, description="in a row, then the target is left alone")
    open: Timespan = Field(30.0, description="how long the target is left alone")
    rate: float | None = Field(
        None, gt=0, le=1, description="share of failures that opens it too", examples=[0.5]
    )
    window: Timespan = Field(10.0, description="the time over which the rate is taken")
    minimum: int = Field(20, ge=1, description="requests in the window before the rate counts")

    @model_validator(mode="after")
    def _window_has_a_rate(self) -> Self:
        if self.rate is None and self.model_fields_set & {"window", "minimum"}:
            raise ValueError("window and minimum are of a rate; write rate = 0.5 too")
        return self


class Message(Options):
    """`fallback.message`: what the app is told when nothing else helped.

    ```toml
    message = { status = 503, body = { error = "Payments are temporarily unavailable." } }
    ```
    """

    status: int = Field(503, ge=200, le=599)
    body: dict[str, Any] | str | None = None
    headers: dict[_GivenHeader, HeaderValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_said(self) -> Self:
        if self.status in _WITHOUT_BODY and self.body is not None:
            raise ValueError(f"an answer of status {self.status} has no body; leave out body")
        try:
            json.dumps(self.body, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(
                "the body has a value that JSON does not have: a date or time, nan or inf; write it as a text"
            ) from None
        return self


class Fallback(Options):
    """`[integrations.NAME.fallback]`.

    ```toml
    [integrations.stripe.fallback]
    targets = ["stripe-backup"]        # other integrations, in order
    message = { status = 503, body = { error = "Payments are temporarily unavailable." } }
    paths = { "/v1/charges" = "/v2/charges" }
    models = { "gpt-4o" = "mistral-large-latest" }
    ```
    """

    targets: tuple[str, ...] = Field((), description="other integrations, in order", examples=[["backup"]])
    message: Message | None = None
    paths: dict[_Path, _Path] = Field(default_factory=dict, description="what a path begins with there")
    models: dict[str, str] = Field(default_factory=dict, description="names of models there")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if not self.targets and (self.paths or self.models):
            raise ValueError('paths and models are those of the targets; write targets = ["backup"] too')
        return self


class Jobs(Options):
    """`[integrations.NAME.jobs]`: deliveries of what was queued.

    ```toml
    [integrations.stripe.jobs]
    attempts = 20        # that reached the provider and failed
    base = "1s"
    cap = "10m"
    keep = "24h"         # how long it is tried
    max_body = "16MiB"
    retain = "7d"        # how long an outcome is kept
    concurrency = 16     # deliveries at once
    callbacks = ["http://127.0.0.1:9000/hooks/"]   # where Outrider-Callback may point
    callback_secret = "env:CALLBACK_SECRET"        # what callbacks are signed with
    ```
    """

    attempts: int = Field(20, ge=1, description="that reached the provider and failed")
    base: Timespan = 1.0
    cap: _Cap = Field(600.0, validate_default=True)
    keep: Timespan = Field(86400.0, description="how long it is tried")
    max_body: Size = 16 * 2**20
    retain: Timespan = Field(7 * 86400.0, description="how long an outcome is kept")
    concurrency: int = Field(16, ge=1, le=1000, description="deliveries at once")
    callbacks: tuple[Url, ...] = Field(
        (),
        description="where Outrider-Callback may point: the same origin, and below the same path",
        examples=[["http://127.0.0.1:9000/hooks/"]],
    )
    callback_secret: SecretRef | None = Field(
        None, description="what callbacks are signed with", examples=["env:CALLBACK_SECRET"]
    )

    @model_validator(mode="after")
    def _callbacks_are_signed(self) -> Self:
        if self.callbacks and self.callback_secret is None:
            raise ValueError('callbacks are signed; write callback_secret = "env:CALLBACK_SECRET" too')
        return self
