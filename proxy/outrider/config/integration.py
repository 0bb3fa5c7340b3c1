"""The table of an integration, `[integrations.NAME]`, and the whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, InstanceOf, PlainValidator, WithJsonSchema, model_validator

from .alerts import Alerts
from .base_url import BaseUrl, Url
from .call import Call
from .listen import Listen
from .options import Options
from .problems import did_you_mean
from .resilience import Breaker, Fallback, Jobs, Limit, Retry, Timeout
from .server import Client, Document, Server
from .traces import Traces
from .values import ACTIONS, Day, HostKey, OnKey, PathText, Text


def _action(value: object) -> str:
    if value in ACTIONS:
        return str(value)
    raise ValueError(f"must be one of {', '.join(ACTIONS)}{did_you_mean(value, ACTIONS)}")


Action = Annotated[str, PlainValidator(_action), WithJsonSchema({"type": "string", "enum": list(ACTIONS)})]
"""What is done on an error; actions are done in order."""

_Actions = Annotated[tuple[Action, ...], Field(min_length=1, examples=[["retry", "alert"]])]


class Endpoint(Options):
    """`[[integrations.NAME.endpoints]]`: a call the app makes, for the document and for `endpoints_only`.

    ```toml
    [[integrations.stripe.endpoints]]
    call = "POST /v1/charges"            # METHOD and path; {id} matches one segment
    purpose = "To create a payment"
    ```
    """

    call: Call
    purpose: str = ""


class StatusFeed(Options):
    """`status_page`: where the provider says how it is, for programs; what its plugin knows unless given.

    ```toml
    status_page = { feed = "https://status.acme.example/api/v2/summary.json", shape = "statuspage" }
    ```
    """

    feed: Url | None = Field(None, examples=["https://status.example.com/api/v2/summary.json"])
    shape: Literal["statuspage", "json", "atom", "rss"] = "statuspage"
    ask: bool = Field(True, description="false: it is never asked")


class Tls(Options):
    """`tls`: an own certificate authority, and the certificate Outrider shows to the provider.

    ```toml
    tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }
    ```

    Relative paths are relative to the folder of the configuration.
    """

    ca: PathText | None = Field(None, examples=["ca.pem"])
    cert: PathText | None = Field(None, examples=["client.pem"])
    key: PathText | None = Field(None, examples=["client.key"])

    @model_validator(mode="after")
    def _cert_has_a_key(self) -> Self:
        if self.cert is not None and self.key is None:
            raise ValueError('cert needs its key; write key = "client.key" too')
        if self.key is not None and self.cert is None:
            raise ValueError('key needs its certificate; write cert = "client.pem" too')
        return self


class IntegrationConfig(Options):
    """`[integrations.NAME]`: what the app calls, e.g. `stripe`.

    ```toml
    [integrations.stripe]
    provider = "stripe"                  # from a plugin; without one, base_url is needed
    base_url = "https://api.stripe.com"  # the provider's own unless given
    hosts = { files = "https://files.stripe.com" }  # further origins, at /stripe/_hosts/files/...
    status = "active"                    # draft | active | deprecated
    deprecated_since = 2026-10-01        # said in `Deprecation`; of a deprecated one
    purpose = "Payment processing"
    documentation = "https://docs.stripe.com/api"
    sdk = "stripe-python"
    plan = "standard"
    endpoints_only = false               # true: only the endpoints listed
    websocket = false                    # true: an Upgrade is let through
    listen = "127.0.0.1:8090"            # a listener of its own
    ```

    A table that was not given is None. `name`, `auth_type`, `limits_of_plan` and `tables` are
    no keys of the file: they are the table's name, what its `auth` table says, whether `limits` are what the
    provider publishes for `plan`, and the tables that plugins claim.
    """

    name: str = ""
    provider: Text | None = Field(None, examples=["stripe"])
    base_url: BaseUrl | None = Field(None, description="the provider's own unless given")
    hosts: dict[HostKey, BaseUrl] = Field(
        default_factory=dict,
        description="further origins of the provider, at /NAME/_hosts/KEY/...",
        examples=[{"files": "https://files.example.com"}],
    )
    status: Literal["draft", "active", "deprecated"] = Field(
        "active", description="a draft whose secret is missing is not routed, and no problem"
    )
    deprecated_since: Day | None = Field(None, description="said in Deprecation, with status deprecated")
    purpose: str = ""
    documentation: str = ""
    sdk: str = ""
    plan: Text | None = Field(None, description="which of the provider's plans you are on: its limits")
    endpoints_only: bool = Field(False, description="true: only the endpoints listed")
    websocket: bool = Field(False, description="true: an Upgrade is let through")
    listen: Listen | None = Field(None, description="a listener of its own", examples=["127.0.0.1:8090"])
    timeout: Timeout = Field(default_factory=Timeout, examples=[{"connect": "5s"}])
    tls: Tls | None = Field(None, examples=[{"ca": "ca.pem"}])
    status_page: StatusFeed | None = Field(None, examples=[{"ask": False}])
    auth: InstanceOf[Options] | None = None
    auth_type: str | None = None
    limits_of_plan: bool = False
    limits: tuple[Limit, ...] | None = Field(None, examples=[[{"rate": "25/s"}]])
    retry: Retry | None = Field(None, examples=[{"attempts": 4}])
    breaker: Breaker | None = Field(None, examples=[{"failures": 5}])
    on: dict[OnKey, _Actions] | None = Field(None, examples=[{"429": ["retry"]}])
    fallback: Fallback | None = Field(None, examples=[{"targets": ["backup"]}])
    jobs: Jobs | None = Field(None, examples=[{"attempts": 20}])
    endpoints: tuple[Endpoint, ...] = Field((), examples=[[{"call": "POST /v1/charges"}]])
    tables: dict[str, InstanceOf[Options]] = Field(default_factory=dict)


MADE_BY_US = frozenset({"name", "auth_type", "limits_of_plan", "tables"})
"""The fields of IntegrationConfig that are no keys of the file."""

INTEGRATION_KEYS = tuple(key for key in IntegrationConfig.model_fields if key not in MADE_BY_US)
"""The keys of an integration that the contract names; a plugin's table cannot have one of these names."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole of `config.toml`, checked; `folder` is what relative paths in it are relative to."""

    server: Server
    document: Document
    clients: Mapping[str, Client]
    integrations: Mapping[str, IntegrationConfig]
    folder: Path = Path()
    alerts: Alerts = field(default_factory=Alerts)
    traces: Traces = field(default_factory=Traces)

    def __repr__(self) -> str:
        return f"<Config {', '.join(self.integrations) or 'without integrations'}>"
