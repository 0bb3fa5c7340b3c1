import pytest
from pydantic import ValidationError

from outrider.config import BaseUrl, Call, Config, Document, IntegrationConfig, Listen, Server, Tls


def test_most_integrations_need_almost_nothing():
    """What was not given is None or the contract's default."""
    stripe = IntegrationConfig(name="stripe", provider="stripe")

    assert (stripe.status, stripe.endpoints_only, stripe.websocket) == ("active", False, False)
    given = (
        stripe.retry,
        stripe.breaker,
        stripe.on,
        stripe.fallback,
        stripe.jobs,
        stripe.limits,
        stripe.auth,
    )
    assert given == (None,) * 7
    assert (stripe.timeout.connect, stripe.endpoints, stripe.tables) == (None, (), {})


def test_values_are_ready_to_be_used():
    """Nothing is parsed after loading."""
    integration = IntegrationConfig(
        base_url="https://a.example/v1/",
        listen="127.0.0.1:8090",
        endpoints=[{"call": "GET /a"}],
        on={"401": ["refresh", "alert"], "5xx": ["pass"], "unreachable": ["queue"]},
        limits=[{"rate": "5/s"}],
    )

    assert integration.base_url == BaseUrl("https", "a.example", 443, "/v1")
    assert integration.listen == Listen("127.0.0.1", 8090)
    assert integration.endpoints[0].call == Call("GET", "/a")
    assert integration.on == {"401": ("refresh", "alert"), "5xx": ("pass",), "unreachable": ("queue",)}
    assert integration.limits is not None
    assert len(integration.limits) == 1


@pytest.mark.parametrize(
    "raw",
    [
        {"on": {"399": ["retry"]}},
        {"on": {"600": ["retry"]}},
        {"on": {"3xx": ["retry"]}},
        {"on": {"42": ["retry"]}},
        {"on": {"refused": ["retry"]}},
        {"on": {"429": "retry"}},
        {"on": {"429": []}},
        {"on": {"429": ["retri"]}},
        {"on": {"429": [["retry"]]}},
        {"status": "Active"},
        {"provider": ""},
        {"websocket": "yes"},
        {"endpoints": [{"purpose": "x"}]},
        {"tls": {"cert": "a"}},
        {"tls": {"key": "a"}},
        {"tls": {"ca": ""}},
        {"listen": ["127.0.0.1:0"]},
        {"purpose": 3},
    ],
)
def test_what_is_not_in_the_contract_is_refused(raw):
    """A single action is a list of one, written as a list."""
    with pytest.raises(ValidationError):
        IntegrationConfig.model_validate(raw)


def test_an_own_authority_needs_no_client_certificate():
    """And a certificate comes with its key."""
    assert Tls(ca="ca.pem").cert is None
    assert Tls(cert="a.pem", key="a.key").key == "a.key"


def test_a_configuration_shows_its_integrations():
    """And nothing of what is in them."""
    config = Config(
        Server(), Document(), {}, {"a": IntegrationConfig(name="a"), "b": IntegrationConfig(name="b")}
    )

    assert repr(config) == "<Config a, b>"
