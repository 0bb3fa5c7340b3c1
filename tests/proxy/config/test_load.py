import os
import re
from pathlib import Path

import pytest

from outrider.config import load, loads, secret_refs

TEN_AND_MORE = """\
[server]
listen = "0.0.0.0:8080"
max_conections = 100
hosts = ["https://outrider.internal"]

[clients.checkout]
token = "sk_live_51H"
integrations = ["strip"]

[integrations.stripe]
provider = "strpe"
status = "Active"
timeout = { conect = "5s", total = "2 minutes" }

[integrations.stripe.auth]
type = "bearer"
tken = "sk_live_51H"

[[integrations.stripe.limits]]
rate = "25/s"

[[integrations.stripe.limits]]
rate = "25 per second"
burst = 0

[integrations.stripe.retry]
attempts = "4"
budget = 2

[integrations.stripe.on]
"429" = ["retri", "queue"]
"777" = ["pass"]
limited = "queue"

[integrations.stripe.fallback]
targets = ["stripe-bakup"]

[integrations.stripe-backup]
base_url = "https://me:sk_live_51H@stripe.example"
endpoints = [
    { call = "POST /v1/charges" },
    { call = "/v1/refunds" },
]
tls = { cert = "client.pem" }

[metrics]
"""


def test_every_mistake_of_a_file_is_listed_with_its_line(problems):
    """Twenty of them, in the order of the file."""
    listed = [each.split(": ", 2)[:2] for each in problems(TEN_AND_MORE)]

    assert listed == [
        ["3", "server.max_conections"],
        ["4", "server.hosts[0]"],
        ["7", "clients.checkout.token"],
        ["8", "clients.checkout.integrations[0]"],
        ["11", "integrations.stripe.provider"],
        ["12", "integrations.stripe.status"],
        ["13", "integrations.stripe.timeout.total"],
        ["13", "integrations.stripe.timeout.conect"],
        ["15", "integrations.stripe.auth.token"],
        ["17", "integrations.stripe.auth.tken"],
        ["23", "integrations.stripe.limits[1].rate"],
        ["24", "integrations.stripe.limits[1].burst"],
        ["27", "integrations.stripe.retry.attempts"],
        ["28", "integrations.stripe.retry.budget"],
        ["31", "integrations.stripe.on.429[0]"],
        ["32", "integrations.stripe.on.777"],
        ["33", "integrations.stripe.on.limited"],
        ["36", "integrations.stripe.fallback.targets[0]"],
        ["39", "integrations.stripe-backup.base_url"],
        ["42", "integrations.stripe-backup.endpoints[1].call"],
        ["44", "integrations.stripe-backup.tls"],
        ["46", "metrics"],
    ]


def test_a_file_with_a_problem_gives_no_configuration(read):
    """Half a configuration is none."""
    loaded = read(TEN_AND_MORE)

    assert loaded.config is None
    assert "sk_live_51H" not in repr(loaded)


PARTLY_GOOD = """\
[server]
admin_token = "env:ADMIN"
max_conections = 100

[clients.typo]
token = "env:CLIENT"
integration = ["stripe"]
[clients.pasted]
token = "sk_live_51H"
[clients.none]

[integrations.typo]
provider = "strpe"
auth = { type = "bearer", token = ["env:ONE", "env:TWO"] }
cache = { key = "env:CACHE", ttl = "soon" }
retry = { attempts = "4" }
[integrations.bad-auth]
provider = "stripe"
auth = { type = "bearer", tken = "env:AUTH" }
[integrations.draft]
provider = "stripe"
status = "draft"
auth = { type = "bearer", token = "env:DRAFT" }
[integrations.perhaps]
provider = "stripe"
status = "Draft"
auth = { type = "bearer", token = "env:PERHAPS" }
[integrations.unknown]
provider = "stripe"
auth = { type = "berer", token = "env:UNKNOWN_TYPE" }
"""


def test_what_could_be_read_of_a_file_with_problems_tells_its_secrets(read):
    """So that a missing one is said in the same run: those that the file names, where that is certain."""
    loaded = read(PARTLY_GOOD)

    partial = loaded.partial
    tables = [partial.server, *partial.clients.values(), *partial.integrations.values()]
    assert loaded.config is None
    assert [str(ref) for table in tables for _, ref in secret_refs(table)] == [
        "env:ADMIN",
        "env:CLIENT",
        "env:ONE",
        "env:TWO",
        "env:CACHE",
        "env:DRAFT",
    ]
    assert [name for name, one in partial.integrations.items() if one.status == "draft"] == ["draft"]
    assert "sk_live_51H" not in repr(loaded)


@pytest.mark.parametrize("text", ["", "[server]\n", "a = \n", "[a]\n[a]\n"])
def test_a_file_is_read_in_part_only_where_it_has_a_problem_and_is_toml(read, text):
    """One without problems has its configuration, one that is no TOML has nothing."""
    assert read(text).partial is None


def test_the_contracts_example_has_no_problems(read, example):
    """It gives notes, and what it says."""
    loaded = read(example)

    assert loaded.problems == ()
    assert list(loaded.config.integrations) == ["stripe", "stripe-backup", "sendgrid"]
    stripe = loaded.config.integrations["stripe"]
    assert str(stripe.base_url) == "https://api.stripe.com"
    assert (stripe.timeout.connect, stripe.timeout.total) == (5.0, 120.0)
    assert [str(limit.rate) for limit in stripe.limits] == ["25/s"]
    assert (stripe.retry.attempts, stripe.breaker.open, stripe.jobs.cap) == (4, 30.0, 600.0)
    assert stripe.on["5xx"] == ("retry", "failover", "alert")
    assert stripe.fallback.targets == ("stripe-backup",)
    assert str(stripe.endpoints[0].call) == "POST /v1/charges"
    assert list(loaded.config.clients) == ["checkout"]


def values(text):
    """Give the place of each value that is one text or number."""
    found = re.finditer(
        r'(?<=[=\[,])\s*(?:"[^"\n]*"|[0-9][0-9.]*|true|false)', re.sub("#.*", lambda m: " " * len(m[0]), text)
    )
    return [match.span() for match in found]


def test_no_value_of_the_file_is_ever_repeated(read, example):
    """Whatever key a secret was pasted at: no problem and no note shows it."""
    secret = "sk_live_51Habcdefghij"
    spans = values(example)

    shown = [
        str(each)
        for start, end in spans
        for loaded in [read(f'{example[:start]} "{secret}"{example[end:]}')]
        for each in (*loaded.problems, *loaded.notes)
        if secret in str(each) or secret in repr(loaded)
    ]

    assert len(spans) > 50
    assert shown == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", '1: invalid value (column 5); a text stands in quotes, e.g. "5s"'),
        ("[a]\n[a]\n", "2: cannot declare a twice (column 3)"),
        ("[a.b]\n[a.b]\n", "2: cannot declare a.b twice (column 5)"),
        ("a = 1\nb = [1,\n", '2: invalid value at the end of the file; a text stands in quotes, e.g. "5s"'),
        ("\n\na b = 1\n", "3: expected '=' after a key in a key/value pair (column 3)"),
        ("a = sk_live_51H\n", '1: invalid value (column 5); a text stands in quotes, e.g. "5s"'),
        ('a = "x\n', "1: illegal character '\\n' (column 7)"),
        ("a = 1\na = 2", "2: the key is given twice at the end of the file; leave out one of the two"),
        ("a = 5s\n", '1: something follows on the line (column 6); a text stands in quotes, e.g. "5s"'),
        ("a = " + "[" * 10000, "1: is nested too deeply"),
        ("a = " + "9" * 5000, None),
    ],
)
def test_a_syntax_error_has_its_line(read, text, said):
    """In the words of `tomllib`, which never repeats a value, and with a remedy."""
    loaded = read(text)

    assert loaded.config is None
    assert len(loaded.problems) == 1
    if said is not None:
        assert str(loaded.problems[0]) == f"config.toml:{said}"


def test_a_file_is_named_as_the_user_named_it(tmp_path, vocabulary, monkeypatch):
    """Relative stays relative in the problems; the folder of the configuration does not."""
    (tmp_path / "my.toml").write_text("zzz = 1\n")
    monkeypatch.chdir(tmp_path)
    bad = load(Path("my.toml"), vocabulary)
    (tmp_path / "my.toml").write_bytes(b"\xef\xbb\xbf[server]\r\ngrace = 3\r\n")
    good = load(Path("my.toml"), vocabulary)

    assert str(bad.problems[0]).startswith("my.toml:1: zzz: ")
    assert good.problems == ()
    assert (good.config.server.grace, good.config.folder) == (3.0, tmp_path)
    assert good.lines.of(("server", "grace")) == 2


def test_a_file_that_cannot_be_read_is_one_problem_in_words(tmp_path, vocabulary):
    """Missing, a directory, in another encoding, no file at all."""
    (tmp_path / "latin.toml").write_bytes(b"a = 1\n# caf\xe9\n")
    cases = {
        "missing.toml": "1: there is no such file; write it, or name another with --config",
        ".": "1: is a directory; name the file in it",
        "latin.toml": "2: is not UTF-8 text; save it as UTF-8",
        "latin.toml/x": "1: cannot be read: not a directory",
        "a\0b": "1: cannot be read: embedded null byte",
        "x" * 300: "1: cannot be read: file name too long",
    }
    for name, said in cases.items():
        loaded = load(tmp_path / name, vocabulary)

        assert loaded.config is None
        assert [str(each) for each in loaded.problems] == [f"{tmp_path / name}:{said}"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_one_problem_in_words(tmp_path, vocabulary):
    """It says what to change."""
    (tmp_path / "a.toml").touch(mode=0)

    problem = load(tmp_path / "a.toml", vocabulary).problems[0]

    assert problem.text == "may not be read by this user; change its mode or its owner"


def test_a_further_problem_can_be_placed(vocabulary):
    """Others find problems too: a missing secret, a plugin's own."""
    loaded = loads('\n[integrations.a]\nprovider = "stripe"\n', vocabulary, file="x.toml")

    problem = loaded.problem(("integrations", "a", "provider"), "no secret")

    assert str(problem) == "x.toml:3: integrations.a.provider: no secret"


def test_an_empty_file_is_right(read):
    """Nothing is called, and nothing is wrong."""
    loaded = read("")

    assert (loaded.problems, loaded.notes) == ((), ())
    assert repr(loaded.config) == "<Config without integrations>"
