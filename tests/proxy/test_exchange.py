"""What travels: an Exchange, and its Attempts."""

from pathlib import Path

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.config import BaseUrl, IntegrationConfig, Timeout
from outrider.exchange import Attempt, Exchange
from outrider.integration import Integration, Target
from outrider.secrets import Vault

Raw = tuple[tuple[bytes, bytes], ...]


def target(name: str = "acme") -> Target:
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name=name, base_url=base, timeout=Timeout(total=90))
    return Target(name, section, base, None, Vault(Path()))


def exchange(raw: Raw = (), path: str = "/v1/x?q=1", named: frozenset[bytes] = frozenset()) -> Exchange:
    to = target()
    fields = CIMultiDictProxy(CIMultiDict((name.decode(), value.decode()) for name, value in raw))
    return Exchange(
        "id-1",
        Integration("acme", to.config, to),
        "GET",
        path,
        fields,
        raw,
        NO_BODY,
        base=("http", "localhost:8080", "/acme"),
        named=named,
        started=1000.0,
    )


@pytest.mark.parametrize(
    ("given", "path", "query"),
    [("/a%2Fb?x=?", "/a%2Fb", "x=?"), ("", "", ""), ("?q", "", "q"), ("/a", "/a", ""), ("/a?", "/a", "")],
)
def test_path_and_query_are_raw(given: str, path: str, query: str) -> None:
    """They are cut at the first question mark and are otherwise what the app wrote."""
    found = exchange(path=given)

    assert (found.path, found.query) == (path, query)


def test_the_deadline_counts_from_the_request() -> None:
    """`timeout.total` is the time from the request to the head of the response."""
    assert exchange().deadline == 1090.0


def test_the_base_is_the_callers_own_form() -> None:
    """What a Location is turned back to."""
    assert exchange().base == "http://localhost:8080/acme"


def test_a_repr_has_no_query() -> None:
    """Keys stand in queries."""
    assert repr(exchange(path="/v1/x?key=s3cret")) == "<Exchange id-1 acme GET /v1/x, 0 attempts>"


def test_notes_belong_to_one_exchange() -> None:
    """What a plugin remembers of one is not seen in another."""
    one, other = exchange(), exchange()
    one.notes["a"] = 1

    assert (one.notes, other.notes) == ({"a": 1}, {})


def test_every_attempt_starts_from_the_apps_own_fields() -> None:
    """What one attempt puts on never reaches the next."""
    found = exchange(((b"X-App", b"1"),))
    first = Attempt(found, target())
    first.headers.add("Authorization", "Bearer s3cret")
    first.target = "/other"

    second = Attempt(found, target("backup"))

    assert (second.fields, second.target) == ([(b"X-App", b"1")], "/v1/x?q=1")
    assert found.raw_headers == ((b"X-App", b"1"),)


def test_attempts_are_counted() -> None:
    """Each knows its number and the one target that it goes to."""
    found = exchange()
    attempts = [Attempt(found, target()), Attempt(found, target("backup"))]

    assert [repr(one) for one in attempts] == [
        "<Attempt 1 of id-1 at acme>",
        "<Attempt 2 of id-1 at backup>",
    ]
    assert found.attempts == 2


def test_what_ends_here_is_taken_off() -> None:
    """Hop-by-hop fields, ours, the app's credentials, and whatever its Connection fields name."""
    raw = tuple(
        (name, b"x")
        for name in (
            *(b"Host", b"Connection", b"TE", b"Upgrade", b"Expect", b"Content-Length", b"HTTP2-Settings"),
            *(b"Authorization", b"X-API-Key", b"Api-Key", b"Proxy-Authorization", b"Proxy-Foo"),
            *(b"Outrider-Token", b"X-Outrider-Y", b"X-Named", b"Accept", b"X-kept"),
        )
    )

    found = Attempt(exchange(raw, named=frozenset({b"x-named"})), target()).fields

    assert found == [(b"Accept", b"x"), (b"X-kept", b"x")]
