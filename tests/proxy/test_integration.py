"""Integration and Target, as they are compiled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from outrider.config import BaseUrl, IntegrationConfig, SecretRef
from outrider.config import Timeout as TimeoutTable
from outrider.integration import Integration, Target, Timeout
from outrider.layers import Layer, Placed, Stage
from outrider.provider import LocalProvider, Provider
from outrider.secrets import Vault
from outrider_plugins.auth import Bearer, Header, NoAuth, Pass, Query

REF = SecretRef("env", "KEY")
ALWAYS = {b"authorization", b"x-api-key", b"api-key", b"proxy-authorization"}


class Slow(Provider):
    timeout: ClassVar[Mapping[str, float]] = {"response": 600.0, "idle": 500.0}
    credential_headers = ("X-Slow-Key",)
    credential_query = ("slow_key",)


class Here(LocalProvider):
    pass


def target(provider: Provider | None = None, **options: Any) -> Target:
    base = BaseUrl.parse("https://api.acme.example/v1")
    section = IntegrationConfig(name="acme", base_url=base, **options)
    return Target("acme", section, base, provider, Vault(Path(), {"KEY": "s3cret"}))


@pytest.mark.parametrize(
    ("provider", "given", "expected"),
    [
        (None, {}, Timeout(5, 60, 60, 120)),
        (None, {"connect": 1, "idle": 2}, Timeout(1, 60, 2, 120)),
        (Slow(), {}, Timeout(5, 600, 500, 600)),
        (Slow(), {"response": "10s"}, Timeout(5, 10, 500, 120)),
        (None, {"response": 300}, Timeout(5, 300, 60, 300)),
        (None, {"response": 300, "total": 30}, Timeout(5, 300, 60, 30)),
    ],
)
def test_timeouts(provider: Provider | None, given: dict[str, Any], expected: Timeout) -> None:
    """The file's, else the provider's, else ours; a longer `response` stretches a `total` not given."""
    assert target(provider, timeout=TimeoutTable(**given)).timeout == expected


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (None, ALWAYS, set()),
        (NoAuth(), ALWAYS, set()),
        (Bearer(token=(REF,)), ALWAYS, set()),
        (Header(name="X-Acme-KEY", value=(REF,)), ALWAYS | {b"x-acme-key"}, set()),
        (Query(name="Key", value=(REF,)), ALWAYS, {"Key"}),
        (Pass(), set(), set()),
    ],
)
def test_where_credentials_stand(auth: Any, headers: set[bytes], query: set[str]) -> None:
    """Always taken off what the app sent, but for `type = "pass"`."""
    found = target(auth=auth)

    assert (found.credential_headers, found.credential_query) == (headers, query)


def test_a_provider_knows_of_further_places() -> None:
    """Its SDKs' own fields and parameters, besides those of the auth type."""
    found = target(Slow(), auth=Query(name="key", value=(REF,)))

    assert found.credential_headers == ALWAYS | {b"x-slow-key"}
    assert found.credential_query == {"key", "slow_key"}


def test_with_pass_the_apps_credential_goes_through() -> None:
    """All of what it sent but the hop-by-hop fields, and what is between it and us."""
    sent = [(b"Authorization", b"x"), (b"X-Api-Key", b"y"), (b"Outrider-Token", b"z"), (b"TE", b"gzip")]

    assert target(auth=Pass()).request_filter.apply(sent) == sent[:2]


def test_reprs_say_where_and_no_secret() -> None:
    """What a person debugs."""
    found = target(auth=Bearer(token=(REF,)))
    assert found.secret(REF).value == "s3cret"

    shown = [repr(found), repr(Integration("acme", found.config, found)), found.where]

    assert shown == [
        "<Target acme https://api.acme.example/v1>",
        "<Integration acme at https://api.acme.example/v1>",
        "https://api.acme.example/v1",
    ]
    assert "s3cret" not in repr(vars(found))


def test_the_stack_on_one_line() -> None:
    """The outermost layer first, the provider last."""
    found = Integration("acme", target().config, target(Here()))
    layer: Layer[Any] = Layer(stage=Stage.ADMIT, wrap=lambda send: send)
    found.stack = (Placed("endpoints", layer),)
    found.target.stack = (Placed("auth", Layer(stage=Stage.AUTH, wrap=lambda send: send, name="bearer")),)

    assert found.describe() == "admit(endpoints) > auth(bearer) > inside outrider"
