"""The gate's rules, one by one; the tables over real sockets are in tests/end_to_end."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.errors import Forbidden, Malformed, Misdirected, OutriderError, UpgradeRequired
from outrider.exchange import Exchange
from outrider.gate import Hosts, check_origin, check_target, check_upgrade, host_of_listener


def fields(**values: str) -> "CIMultiDictProxy[str]":
    return CIMultiDictProxy(CIMultiDict({name.replace("_", "-"): value for name, value in values.items()}))


@settings(deadline=None)
@given(st.text(alphabet="/.%2eEfF5cC\\;a", max_size=30))
def test_no_dot_segment_passes(rest: str) -> None:
    """Whatever passes has no dot segment, decoded once or not at all."""
    target = f"/stripe/{rest}"
    try:
        check_target(target)
    except Malformed:
        return
    for text in (target, unquote(target)):
        assert not {".", ".."} & set(text.replace("\\", "/").split("/"))


@pytest.mark.parametrize(
    "target", ["/a/%2F", "/a/%252e%252e/b", "/a/..b", "/a/...", "/a?q=../..", "/a//b", "/a/%00"]
)
def test_what_only_looks_odd_passes(target: str) -> None:
    """Bytes go to the provider as they are."""
    check_target(target)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("localhost", ""),
        ("127.0.0.1:8080", ""),
        ("[::1]:1", ""),
        ("STRIPE.localhost:8080", "stripe"),
        ("box", ""),
    ],
)
def test_our_names(host: str, found: str) -> None:
    """Exact names, any port, any case."""
    assert Hosts(["box"], ["stripe"]).find(fields(Host=host)) == found


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.1",
        "0x7f.1",
        "a@localhost",
        "localhost:99999",
        "localhost:x",
    ],
)
def test_other_names(host: str) -> None:
    """DNS rebinding comes by such a name."""
    with pytest.raises(Misdirected):
        Hosts([], ["stripe"]).find(fields(Host=host))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Mode": "websocket"},
    ],
)
def test_web_pages_are_refused(headers: dict[str, str]) -> None:
    """Whatever a browser says of itself that no application says."""
    with pytest.raises(Forbidden):
        check_origin(fields(Host="localhost:8080", **headers))


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec_Fetch_Mode": "cors"}, {"Origin": "http://localhost:8080"}, {"Sec_Fetch_Site": "same-origin"}],
)
def test_applications_pass(headers: dict[str, str]) -> None:
    """Node's fetch says `cors` and no origin; some WebSocket clients say our own origin."""
    check_origin(fields(Host="localhost:8080", **headers))


HANDSHAKE = {
    "Upgrade": "WebSocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def upgrade(method: str = "GET", named: bytes = b"upgrade", **headers: str) -> Exchange:
    nobody = SimpleNamespace(target=SimpleNamespace(timeout=SimpleNamespace(total=1.0)))
    return Exchange("id", nobody, method, "/", fields(**headers), (), NO_BODY, named=frozenset((named,)))


def test_an_offer_of_h2c_is_passed_over() -> None:
    """Java's HttpClient makes it with every first request."""
    check_upgrade(upgrade(Upgrade="h2c"), websocket=False)


def test_a_handshake_passes_where_the_integration_allows_it() -> None:
    """Anywhere else it is a 426."""
    check_upgrade(upgrade(**HANDSHAKE), websocket=True)
    with pytest.raises(UpgradeRequired):
        check_upgrade(upgrade(**HANDSHAKE), websocket=False)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"Upgrade": "tcp"}, UpgradeRequired),
        ({"Sec_WebSocket_Version": "8"}, UpgradeRequired),
        ({"named": b"close"}, UpgradeRequired),
        ({"method": "POST"}, Malformed),
        ({"Sec_WebSocket_Key": "short"}, Malformed),
        ({"Content_Length": "5"}, Malformed),
        ({"Transfer_Encoding": "chunked"}, Malformed),
    ],
)
def test_what_is_no_handshake(changed: dict[str, Any], error: type[OutriderError]) -> None:
    """RFC 6455 section 4.2.1 says what one is."""
    with pytest.raises(error):
        check_upgrade(upgrade(**{**HANDSHAKE, **changed}), websocket=True)


def test_a_wildcard_is_no_name() -> None:
    """Listening everywhere allows no Host by itself."""
    assert host_of_listener("0.0.0.0") == []
    assert host_of_listener("10.0.0.5") == ["10.0.0.5"]
    assert host_of_listener("::1") == ["[::1]"]
