"""Matching a request against the configuration."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.config import BaseUrl, Config, Document, IntegrationConfig, Server
from outrider.errors import Malformed
from outrider.events import Events, ExchangeDone
from outrider.gate import Hosts
from outrider.integration import Integration, Target
from outrider.secrets import Vault
from outrider.table import Table

PARTS = st.lists(st.sampled_from(["acme", "a-b", "_outrider", "x", "", "?", "%41", "a=b"]), max_size=5)


def integration(name: str) -> Integration:
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name=name, base_url=base)
    return Integration(name, section, Target(name, section, base, None, Vault(Path())))


def table(closed: list[str] | None = None, events: Events | None = None) -> Table:
    async def close() -> None:
        assert closed is not None
        closed.append("closed")

    return Table(
        path=Path("config.toml"),
        config=Config(Server(max_body=10), Document(), {}, {}),
        integrations={name: integration(name) for name in ("acme", "a-b")},
        nobody=integration("_outrider"),
        hosts=Hosts((), ("acme",)),
        clients=None,
        events=events or Events(),
        vault=Vault(Path()),
        closers=[close, close],
    )


def found(fixed: str, target: str) -> tuple[str, str, str]:
    integration, rest, prefix = table().find(fixed, target)
    return (integration.name if integration is not None else "", rest, prefix)


@pytest.mark.parametrize(
    ("target", "name", "rest", "prefix"),
    [
        ("/acme/v1/x?q=/a", "acme", "/v1/x?q=/a", "/acme"),
        ("/acme", "acme", "", "/acme"),
        ("/acme/", "acme", "/", "/acme"),
        ("/acme?q=/a", "acme", "?q=/a", "/acme"),
        ("/acme//x", "acme", "//x", "/acme"),
        ("/a-b/%2Fx", "a-b", "/%2Fx", "/a-b"),
        ("/Acme/x", "", "/x", "/Acme"),
        ("/%61cme/x", "", "/x", "/%61cme"),
        ("/acm/x", "", "/x", "/acm"),
        ("/acme%2Fx", "", "", "/acme%2Fx"),
        ("/", "", "", "/"),
        ("/?x", "", "?x", "/"),
        ("/_outrider/jobs", "_outrider", "/jobs", "/_outrider"),
    ],
)
def test_the_first_segment_names_the_integration(target: str, name: str, rest: str, prefix: str) -> None:
    """Exactly, and the bytes after it are what the provider gets."""
    assert found("", target) == (name, rest, prefix)


@pytest.mark.parametrize(
    ("target", "name", "rest"),
    [
        ("/v1/x", "acme", "/v1/x"),
        ("/acme/x", "acme", "/acme/x"),
        ("/", "acme", "/"),
        ("/_outriders", "acme", "/_outriders"),
        ("/_outrider", "_outrider", ""),
        ("/_outrider/jobs/1", "_outrider", "/jobs/1"),
        ("/_outrider?x", "_outrider", "?x"),
    ],
)
def test_a_host_or_listener_names_it_already(target: str, name: str, rest: str) -> None:
    """Then nothing is taken off the target; `/_outrider/` is reserved everywhere."""
    assert found("acme", target) == (name, rest, "/_outrider" if name == "_outrider" else "")


def test_a_name_that_is_not_routed_is_nobody() -> None:
    """A draft without its secret is a 404, by its host too."""
    assert found("sleeping", "/x") == ("", "/x", "")


@settings(deadline=None)
@given(PARTS, st.sampled_from(["", "acme", "a-b"]))
def test_prefix_and_rest_are_the_target(parts: list[str], fixed: str) -> None:
    """Not a byte is lost or made, and the second look gives what the first gave."""
    target, one = "/" + "/".join(parts), table()
    try:
        first = one.find(fixed, target)
    except Malformed:
        return

    assert first[2] + first[1] == target
    assert one.find(fixed, target) == first


@pytest.mark.parametrize("fixed", ["", "acme"])
@pytest.mark.parametrize("target", ["", "x", "//x", "/acme/../b", "/acme/%2e%2E/b", "/a\\b", "/a#b", "/a b"])
def test_what_is_malformed_stays_so(fixed: str, target: str) -> None:
    """Looking twice does not make it better: only what was found well is remembered."""
    one = table()

    for _ in range(2):
        with pytest.raises(Malformed):
            one.find(fixed, target)


def test_memory_has_a_cap() -> None:
    """A caller who asks for ever new targets costs no memory."""
    one = table()
    for number in range(3000):
        one.find("", f"/acme/{number}")
    one.find("", "/acme/" + "x" * 10_000)

    assert len(one._found) <= 1024
    assert max(map(len, one._found)) <= 256


def test_exchanges_under_way_are_summed() -> None:
    """A table is retired when there are none; those of no integration count."""
    one = table()
    one.integrations["acme"].in_flight = 2
    one.nobody.in_flight = 1

    assert (one.in_flight, repr(one)) == (3, "<Table of 2 integrations, 3 in flight>")


async def test_closing_closes_every_pool() -> None:
    """None is left when one configuration makes way for another."""
    closed: list[str] = []
    await table(closed).close()

    assert closed == ["closed", "closed"]


def test_what_the_request_path_reads_is_bound() -> None:
    """Listeners and caps are looked up at load."""
    events, heard = Events(), list[ExchangeDone]()
    events.on(ExchangeDone, heard.append)
    found = table(events=events)

    assert (found.max_body, found.done) == (10, (heard.append,))
