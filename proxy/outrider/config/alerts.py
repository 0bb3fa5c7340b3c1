"""`[alerts]`: who is told of trouble, beside the log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from .base_url import BaseUrl
from .options import Options
from .parsed import as_list
from .secret import SecretRef, UrlRef
from .values import Duration, Timespan

AlertKind = Literal["failing", "invalid-key", "credential", "breaker", "budget", "job", "deprecated", "limit"]
"""What there are alerts about."""


def _one_or_more(schema: dict[str, object], example: str) -> WithJsonSchema:
    several: dict[str, object] = {"type": "array", "items": schema}
    return WithJsonSchema({"anyOf": [schema, several], "examples": [example]})


_Hooks = Annotated[
    tuple[UrlRef, ...], BeforeValidator(as_list), _one_or_more(UrlRef.json_schema, "env:WEBHOOK_URL")
]
_Urls = Annotated[
    tuple[BaseUrl, ...], BeforeValidator(as_list), _one_or_more(BaseUrl.json_schema, "http://127.0.0.1:9093")
]


class Alerts(Options):
    """`[alerts]`: who is told of trouble, beside the log.

    ```toml
    [alerts]
    webhook = "env:WEBHOOK_URL"             # a POST of JSON; or a list
    slack = "env:SLACK_WEBHOOK_URL"         # in Slack's shape; or a list
    alertmanager = "http://127.0.0.1:9093"  # or a list
    alertmanager_token = "env:AM_TOKEN"     # as a Bearer, where it wants one
    kinds = ["failing", "breaker"]          # all unless given
    group = "10s"                           # what comes within it goes out together
    every = "1m"                            # the least time between two messages to the same place
    repeat = "4h"                           # what lasts is told again
    ```

    The URL of a webhook lets whoever knows it write there, so it is a secret.
    """

    webhook: _Hooks = Field((), description="a POST of JSON; one reference, or a list")
    slack: _Hooks = Field((), description="in Slack's shape; one reference, or a list")
    alertmanager: _Urls = Field((), description="where it is, without /api/v2; one, or a list")
    alertmanager_token: SecretRef | None = Field(
        None, description="as a Bearer, where it wants one", examples=["env:AM_TOKEN"]
    )
    kinds: tuple[AlertKind, ...] | None = Field(None, min_length=1, examples=[["failing", "breaker"]])
    group: Duration = Field(10.0, description="what comes within it goes out together")
    every: Duration = Field(60.0, description="the least time between two messages to the same place")
    repeat: Timespan = Field(4 * 3600.0, description="what lasts is told again")
