import pytest

from outrider.config import Fallback, Retry
from outrider.config.lines import Lines
from outrider.config.problems import Report
from outrider.config.read import read_table


def test_a_plugins_table_is_read_by_its_model(read):
    """And is found by its name."""
    config = read(
        '[integrations.a]\nbase_url = "https://a"\ncache = { ttl = "5m", methods = ["HEAD"] }'
    ).config

    cache = config.integrations["a"].tables["cache"]
    assert (cache.ttl, cache.entries, cache.methods) == (300.0, 100, ("HEAD",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[servr]", ["1: servr: unknown key 'servr'; did you mean 'server'?"]),
        (
            "zzz = 1",
            ["1: zzz: unknown key 'zzz'; known are alerts, clients, document, integrations, server, traces"],
        ),
        ("server = 3", ["1: server: must be a table; write [server]"]),
        ("[[server]]", ["1: server: must be a table; write [server] in single brackets"]),
        ("clients = 3", ["1: clients: must be a table of tables; write [clients.NAME]"]),
        ("[[integrations]]", ["1: integrations: must be a table of tables; write [integrations.NAME]"]),
        ("[integrations]\na = 3", ["2: integrations.a: must be a table; write [integrations.a]"]),
        (
            "[[integrations.a]]",
            ["1: integrations.a: must be a table; write [integrations.a] in single brackets"],
        ),
        (
            '[integrations.Stripe]\nprovider = "stripe"\nsdk = 3',
            [
                "1: integrations.Stripe: a name has only a-z, 0-9, '_' and '-', and begins with a letter or a digit",
                "3: integrations.Stripe.sdk: must be a text in quotes",
            ],
        ),
        (
            '[clients."a b"]\ntoken = "env:T"',
            [
                "1: clients.\"a b\": a name has only letters, digits, '_', '-' and '.', and begins with a letter"
                " or a digit"
            ],
        ),
    ],
)
def test_a_table_that_is_none_of_the_contracts_is_a_problem(problems, text, said):
    """At the top, and within an integration, where plugins' tables are known as well."""
    assert problems(text) == said


def test_one_bad_table_hides_no_others_problems(problems):
    """Neither in the file nor within an integration."""
    lines = [
        each.partition(": ")[2].partition(":")[0]
        for each in problems(
            """
[server]
grace = "x"
[document]
status = "x"
[clients.a]
[clients.b]
token = "x"
[integrations.a]
retry = 3
breaker = { failures = 0, open = 0 }
jobs = { keep = "x", zzz = 1 }
cache = 3
auth = {}
[integrations.b]
tls = { key = "x" }
fallback = { message = 3, targets = ["x"] }
"""
        )
    ]

    assert lines == [
        "server.grace",
        "document.status",
        "clients.a.token",
        "clients.b.token",
        "integrations.a",
        "integrations.a.retry",
        "integrations.a.breaker.failures",
        "integrations.a.breaker.open",
        "integrations.a.jobs.keep",
        "integrations.a.jobs.zzz",
        "integrations.a.cache",
        "integrations.a.auth.type",
        "integrations.b",
        "integrations.b.tls",
        "integrations.b.fallback.message",
        "integrations.b.fallback.targets[0]",
    ]


def test_a_bad_key_hides_nothing_of_its_own_table_and_of_its_neighbours(problems):
    """A base beyond the cap beside a bad number, and an action that is never reached in the table after it."""
    text = """
[integrations.a]
base_url = "https://a.example"
[integrations.a.retry]
attempts = 0
base = "10s"
cap = "1s"
[integrations.a.jobs]
attempts = 0
base = "1h"
[integrations.a.tls]
ca = 1
cert = "client.pem"
[integrations.a.on]
"429" = ["queue", "retry"]
"""

    assert problems(text) == [
        "5: integrations.a.retry.attempts: must be at least 1",
        "7: integrations.a.retry.cap: base is longer than cap; make cap the longer one",
        "8: integrations.a.jobs: base is longer than cap; make cap the longer one",
        "9: integrations.a.jobs.attempts: must be at least 1",
        '12: integrations.a.tls.ca: must be a text in quotes, e.g. ca = "ca.pem"',
        "15: integrations.a.on.429[1]: 'retry' is never reached after 'queue'; write it before",
    ]


def test_what_is_right_in_a_bad_table_is_kept_for_the_checks_that_follow():
    """Only the keys with a problem are left out, the rest is as written."""
    report = Report("f", Lines(""))

    retry = read_table(Retry, {"attempts": 0, "budget": 0.5, "zzz": 1}, ("retry",), report)
    fallback = read_table(Fallback, {"targets": ["b"], "message": {"status": 3}}, ("fallback",), report)

    assert retry == Retry(budget=0.5)
    assert fallback == Fallback(targets=("b",), message={})
    assert len(report.problems) == 3


def test_a_provider_s_usual_auth_needs_no_type(read):
    """What the file says replaces it key by key; another type replaces it as a whole."""
    config = read('[integrations.a]\nprovider = "stripe"\nauth = { token = "env:A" }').config
    assert config is not None
    assert config.integrations["a"].auth_type == "bearer"

    other = read(
        '[integrations.a]\nprovider = "stripe"\nauth = { type = "basic", username = "u", password = "env:A" }'
    ).config
    assert other is not None
    assert other.integrations["a"].auth_type == "basic"


def test_a_plan_gives_its_published_limits(read):
    """The file's own limits go before them."""
    config = read('[integrations.a]\nprovider = "stripe"\nplan = "live"').config
    assert config is not None
    assert [str(limit.rate) for limit in config.integrations["a"].limits] == ["100/s"]
    assert config.integrations["a"].limits_of_plan

    own = read('[integrations.a]\nprovider = "stripe"\nplan = "live"\nlimits = [{ rate = "5/s" }]').config
    assert own is not None
    assert [str(limit.rate) for limit in own.integrations["a"].limits] == ["5/s"]
    assert not own.integrations["a"].limits_of_plan


def test_an_unknown_plan_names_the_known(problems):
    """Where the provider has plans; else it is a word for people."""
    assert problems('[integrations.a]\nprovider = "stripe"\nplan = "live2"') == [
        "3: integrations.a.plan: provider 'stripe' has no such plan; did you mean 'live'? known are live"
    ]
    assert problems('[integrations.a]\nprovider = "sendgrid"\nplan = "Pro"') == []
