"""The tables about Outrider itself: `[server]`, `[document]` and `[clients.NAME]`."""

from __future__ import annotations

import socket
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from .call import Call
from .host import HostName
from .listen import Listen
from .options import Options
from .parsed import as_list
from .secret import SecretRef
from .values import PathText, Rate, Size, Timespan

_Listeners = Annotated[
    tuple[Listen, ...],
    BeforeValidator(as_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                Listen.json_schema,
                {"type": "array", "items": Listen.json_schema, "minItems": 1},
            ],
            "examples": ["127.0.0.1:8080"],
        }
    ),
]


class ServerTls(Options):
    """`server.tls`: the certificate that the proxy's TCP listeners show.

    ```toml
    [server]
    tls = { cert = "server.pem", key = "server.key" }
    ```

    Relative paths are relative to the folder of the configuration. A new certificate is taken at a reload.
    """

    cert: PathText = Field(examples=["server.pem"])
    key: PathText = Field(examples=["server.key"])


class Server(Options):
    """`[server]`: where Outrider listens, and what it takes.

    ```toml
    [server]
    listen = "127.0.0.1:8080"    # or "unix:/run/outrider.sock"; also a list
    admin = "127.0.0.1:8081"
    admin_token = "env:ADMIN_TOKEN"
    hosts = ["outrider.internal"]
    state_dir = ".outrider"
    token_dir = "/var/lib/outrider/tokens"
    access_log = true
    grace = "30s"
    max_connections = 16384
    max_body = "5GiB"
    uids = [1000]                # who may connect to Unix sockets
    tls = { cert = "server.pem", key = "server.key" }
    ```
    """

    listen: _Listeners = Field((Listen("127.0.0.1", 8080),), description="one listener, or a list")
    admin: Listen = Field(Listen("127.0.0.1", 8081), description="metrics, health, console")
    admin_token: SecretRef | None = Field(
        None, description="as a Bearer; needed when admin is beyond loopback", examples=["env:ADMIN_TOKEN"]
    )
    hosts: tuple[HostName, ...] = Field(
        (), description="further Host names that are allowed", examples=[["outrider.internal"]]
    )
    state_dir: PathText = Field(".outrider", description="jobs and tokens; belongs to one process")
    token_dir: PathText | None = Field(None, description="state_dir/tokens unless given; may be shared")
    access_log: bool = Field(True, description="one line on stderr for each exchange")
    grace: Timespan = Field(30.0, description="how long requests under way may take to end on SIGTERM")
    max_connections: int = Field(16384, ge=1, description="more are refused")
    max_body: Size = Field(5 * 2**30, description="a longer request body is refused")
    uids: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None, min_length=1, description="the user ids that may connect to Unix sockets", examples=[[1000]]
    )
    tls: ServerTls | None = Field(
        None,
        description="for the proxy's TCP listeners",
        examples=[{"cert": "server.pem", "key": "server.key"}],
    )

    @field_validator("uids")
    @classmethod
    def _peers_are_known(cls, uids: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if not hasattr(socket, "SO_PEERCRED"):
            raise ValueError("only Linux tells who connects; leave it out")
        return uids


class Document(Options):
    """`[document]`: the head of the integration document.

    ```toml
    [document]
    status = "Active"            # Draft | Active | Deprecated
    target_state = "As-To-Be"
    overview = "This document outlines ..."
    ```
    """

    status: Literal["Draft", "Active", "Deprecated"] = "Active"
    target_state: str = "As-To-Be"
    overview: str = ""


class Client(Options):
    """`[clients.NAME]`: an application that may call; once there is one, every call needs a client's token.

    ```toml
    [clients.checkout]
    token = "env:CHECKOUT_TOKEN"
    integrations = ["stripe", "sendgrid"]   # all unless given
    endpoints = ["POST /v1/charges"]        # all unless given
    rate = "100/m"
    ```
    """

    token: SecretRef = Field(description="given in place of the provider's key, or in Outrider-Token")
    integrations: tuple[str, ...] | None = Field(None, description="all unless given", examples=[["stripe"]])
    endpoints: tuple[Call, ...] | None = Field(
        None, min_length=1, description="all unless given", examples=[["POST /v1/charges"]]
    )
    rate: Rate | None = Field(None, description="of all its calls together")
