"""What may be sent a second time, by provider."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from outrider.body import Body
from outrider.exchange import Exchange
from outrider.idempotency import Idempotency
from outrider.provider import Provider


class Header(Provider):
    name = "header"
    idempotency_header = "Idempotency-Key"


class Listed(Header):
    idempotency_calls = ("POST /emails",)


class Field(Provider):
    name = "field"
    idempotency_field = "idempotency_key"
    safe_calls = ("POST /{what}/search",)


def exchange(method: str, path: str, body: Any = None, **headers: str) -> Exchange:
    data = None if body is None else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return cast(
        Exchange,
        SimpleNamespace(method=method, path=path, headers=given, body=Body(data)),
    )


@pytest.mark.parametrize(
    ("provider", "call", "covered"),
    [
        (None, exchange("GET", "/a"), True),
        (None, exchange("POST", "/a"), False),
        (None, exchange("POST", "/a", Idempotency_Key="k"), True),
        (Header(), exchange("POST", "/a"), True),  # one of ours is put on
        (Listed(), exchange("POST", "/emails"), True),
        (Listed(), exchange("POST", "/domains", Idempotency_Key="k"), False),  # passed over there
        (Field(), exchange("POST", "/pages/search"), True),
        (Field(), exchange("POST", "/pages", {"idempotency_key": "k"}), True),
        (Field(), exchange("POST", "/pages", {"idempotency_key": ""}), False),
        (Field(), exchange("POST", "/pages", ["idempotency_key"]), False),
        (Field(), exchange("POST", "/pages"), False),  # the body streams: it is not known
    ],
)
def test_what_may_be_repeated(provider: Provider | None, call: Exchange, covered: bool) -> None:
    """By its method, by its path, or by a key that counts there."""
    assert Idempotency(provider).covers(call) == covered


def test_keys_are_put_on_where_they_count() -> None:
    """Not on a GET, and not on a call that takes none."""
    rules = Idempotency(Listed())

    assert [rules.takes_key("POST", path) for path in ("/emails", "/domains")] == [True, False]
    assert not rules.takes_key("GET", "/emails")
