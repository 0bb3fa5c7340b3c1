"""The auth types: what `check` says of an auth table that could never work."""

import pytest

from outrider.config import loads
from outrider.registry import load_plugins

HEAD = '[integrations.a]\nbase_url = "https://a.example"\n'
OURS = "auth.name: this field is Outrider's own; a credential cannot stand in it"


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (
            'type = "basic"',
            "auth: a Basic pair needs a half at least; write username, or password, or both",
        ),
        (
            'type = "basic", username = "a:b"',
            "auth.username: must not have a colon in it (RFC 7617); what follows it belongs in password",
        ),
        (
            'type = "headers", fields = { A = ["env:A", "env:B"], B = ["env:C", "env:D", "env:E"], C = "env:F" }',
            "auth: the lists in fields are of different lengths; write one secret for each key in each",
        ),
        (
            'type = "headers", fields = { A = "env:A", a = "env:B" }',
            "auth: one of fields is named twice; the case of its letters makes no difference",
        ),
        (
            'type = "hmac", secret = "env:A", header = "X", timestamp_header = "x"',
            "auth: header and timestamp_header are the same field; name another one",
        ),
        (
            'type = "header", name = "X", value = "env:K", format = "€ {secret}"',
            "auth.format: has a character that cannot stand in a header; write it in Latin-1",
        ),
        ('type = "pass", token = "env:K"', "auth.token: unknown key 'token'; leave it out"),
        ('type = "query", name = "", value = "env:K"', "auth.name: must not be empty"),
        ('type = "header", name = "Via", value = "env:K"', OURS),
        ('type = "header", name = "outrider-token", value = "env:K"', OURS),
        ('type = "header", name = "X-Outrider-Key", value = "env:K"', OURS),
    ],
)
def test_an_auth_table_that_could_never_work(auth: str, said: str) -> None:
    """Each is a problem at its key."""
    loaded = loads(f"{HEAD}auth = {{ {auth} }}", load_plugins().vocabulary)

    assert [str(problem) for problem in loaded.problems] == [f"config.toml:3: integrations.a.{said}"]


@pytest.mark.parametrize(
    "auth",
    [
        'type = "basic", username = "env:K"',
        'type = "basic", password = "env:K"',
        'type = "header", name = "Viable", value = "env:K"',
    ],
)
def test_what_only_looks_like_it(auth: str) -> None:
    """One half is enough, a reference has a colon, and a name may begin as another does."""
    assert loads(f"{HEAD}auth = {{ {auth} }}", load_plugins().vocabulary).problems == ()
