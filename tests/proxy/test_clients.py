"""Who may call, and where a client's token may stand."""

import base64
import hmac
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.clients import Client, Clients, bearer_or_basic
from outrider.config import BaseUrl, Call, IntegrationConfig, SecretRef
from outrider.errors import Forbidden, Unauthorized
from outrider.exchange import Exchange
from outrider.integration import Integration, Target
from outrider.secrets import Secret, Vault
from outrider_plugins.auth import Header, Pass, Query

TOKENS = {"shop": "t0ken-of-shop", "mail": "t0ken-\u00fcml"}


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def integration(auth: object = None, name: str = "acme") -> Integration:
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name=name, base_url=base, auth=auth)
    return Integration(name, section, Target(name, section, base, None, Vault(Path())))


def client(name: str, integrations: frozenset[str] | None, *calls: str) -> Client:
    endpoints = tuple(Call.parse(call) for call in calls) or None
    return Client(name, Secret(SecretRef("env", name), TOKENS[name]), integrations, endpoints)


CLIENTS = Clients([client("shop", frozenset({"acme", "none"})), client("mail", None)])
REF = SecretRef("env", "KEY")


def admit(
    *fields: tuple[str, str], to: Integration | None = None, query: str = "", clients: Clients = CLIENTS
) -> str:
    return clients.identify(CIMultiDictProxy(CIMultiDict(fields)), to or integration(), query).name


def call(to: str, what: str = "GET /v1/charges") -> Exchange:
    method, _, target = what.partition(" ")
    return Exchange("id", integration(name=to), method, target, CIMultiDictProxy(CIMultiDict()), (), NO_BODY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Outrider-Token", "t0ken-of-shop"),
        ("Authorization", "Bearer t0ken-of-shop"),
        ("authorization", "bearer   t0ken-of-shop "),
        ("Authorization", "Token t0ken-of-shop"),
        ("Authorization", "t0ken-of-shop"),
        ("Authorization", basic("t0ken-of-shop:")),
        ("Authorization", basic("user:t0ken-of-shop")),
        ("Authorization", basic("t0ken-of-shop")),
        ("X-Api-Key", "t0ken-of-shop"),
        ("api-key", "t0ken-of-shop"),
    ],
)
def test_a_token_is_found_where_an_sdk_puts_a_key(field: str, value: str) -> None:
    """The app changes its base URL and its key, and no more."""
    assert admit((field, value)) == "shop"


def test_a_token_is_found_where_the_provider_wants_its_key() -> None:
    """The field or parameter of the integration's own auth is one of the places."""
    header = integration(Header(name="X-Acme", value=(REF,)))
    query = integration(Query(name="api key", value=(REF,)))

    assert admit(("x-acme", "t0ken-of-shop"), to=header) == "shop"
    assert admit(to=query, query="a=1&api+key=t0ken%2Dof-shop") == "shop"


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("Outrider-Token", ""),),
        (("Outrider-Token", "t0ken-of-shop "),),
        (("Outrider-Token", "t0ken-of-sho"),),
        (("Authorization", "Bearer"),),
        (("Authorization", "Basic t0ken-of-shop"),),
        (("Authorization", "Basic %%%"),),
        (("Authorization", basic(":")),),
        (("Cookie", "t0ken-of-shop"),),
        (("X-Acme", "t0ken-of-shop"),),
    ],
)
def test_anything_else_is_unknown(fields: tuple[tuple[str, str], ...]) -> None:
    """No token or a wrong one is a 401, and what was offered is not repeated."""
    with pytest.raises(Unauthorized) as caught:
        admit(*fields, query="key=t0ken-of-shop")

    assert "t0ken" not in caught.value.detail


def test_an_unknown_integration_is_unknown_to_strangers_too() -> None:
    """Names of integrations are not told to who has no token."""
    with pytest.raises(Unauthorized):
        CLIENTS.identify(CIMultiDictProxy(CIMultiDict()), None, "")

    known = CLIENTS.identify(CIMultiDictProxy(CIMultiDict({"Api-Key": "t0ken-of-shop"})), None, "")
    assert known.name == "shop"


def test_a_client_calls_only_its_integrations() -> None:
    """All of them where none are listed."""
    with pytest.raises(Forbidden, match="client 'shop' may not call integration 'other'"):
        client("shop", frozenset({"acme"})).check(call("other"))

    client("shop", frozenset({"acme"})).check(call("acme"))
    client("mail", None).check(call("other"))


def test_a_client_makes_only_its_calls() -> None:
    """Method and path, the query aside; at any of its integrations."""
    shop = client("shop", None, "GET /v1/charges/{id}", "GET /")

    shop.check(call("acme", "GET /v1/charges/1?expand=all"))
    shop.check(call("other", "GET "))
    for refused in ("POST /v1/charges/1", "GET /v1/charges/1/refunds", "GET /v1/charges%2F1"):
        with pytest.raises(Forbidden, match=f"client 'shop' may not call {refused}"):
            shop.check(call("acme", refused))


@pytest.mark.parametrize("offered", ["t0ken-of-shop", TOKENS["mail"], "t0ken-of-nobody", "x"])
def test_every_token_is_compared_in_constant_time(offered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With each client's, whichever fits: neither how much of it fits nor whose it is shows in the time."""
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    with suppress(Unauthorized):
        admit(("Outrider-Token", offered))

    assert compared == [token.encode() for token in TOKENS.values()]


def test_where_the_apps_own_credential_passes_it_is_none_of_ours() -> None:
    """With `type = "pass"` only Outrider-Token is for us: a provider's key is not looked at."""
    passing = integration(Pass())
    with pytest.raises(Unauthorized):
        admit(("Authorization", "Bearer t0ken-of-shop"), to=passing)

    assert admit(("Outrider-Token", "t0ken-of-shop"), ("Authorization", "x"), to=passing) == "shop"


def test_a_rotated_token_counts_at_once(tmp_path: Path) -> None:
    """The old one is refused from then on."""
    token, vault = tmp_path / "token", Vault(tmp_path)
    token.write_text("old-token")
    clients = Clients([Client("shop", vault.get(SecretRef("file", "token")), None)])
    token.write_text("a-new-token")
    vault.refresh()

    assert admit(("Api-Key", "a-new-token"), clients=clients) == "shop"
    with pytest.raises(Unauthorized):
        admit(("Api-Key", "old-token"), clients=clients)


@settings(deadline=None)
@given(st.text(), st.sampled_from(["Authorization", "Outrider-Token", "X-Api-Key"]))
def test_no_value_breaks_it(value: str, field: str) -> None:
    """Whatever stands in a field is a known token or a 401."""
    with pytest.raises(Unauthorized):
        admit((field, value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")))


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters=":", codec="utf-8")), st.text(alphabet="ab:é"))
def test_basic_offers_both_halves(user: str, password: str) -> None:
    """RFC 7617: the first colon parts them."""
    assert list(bearer_or_basic(basic(f"{user}:{password}"))) == [user, password]


def test_nothing_shows_a_token() -> None:
    """A client is shown by its name."""
    assert repr(client("shop", None)) == "<Client shop>"
