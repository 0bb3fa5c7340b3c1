import pytest

from outrider.config import BaseUrl, IntegrationConfig, base_url_of

A = '[integrations.a]\nbase_url = "https://a.example"\n'


def check(problems, text, *said):
    assert problems(text) == list(said)


def test_an_unknown_provider_is_named_with_the_nearest(problems):
    """And what to do when there is none near."""
    check(
        problems,
        '[integrations.a]\nprovider = "strip"\n[integrations.b]\nprovider = "zzz"\nbase_url = "https://b"',
        "2: integrations.a.provider: no installed plugin gives this provider; did you mean 'stripe'? "
        "otherwise install the plugin that does, or write base_url without provider",
        "4: integrations.b.provider: no installed plugin gives this provider; "
        "install the plugin that does, or write base_url without provider",
    )


def test_an_integration_must_go_somewhere(problems):
    """A provider may leave the address to the file; then the file has to give it."""
    check(
        problems,
        '[integrations.a]\npurpose = "x"\n[integrations.b]\nprovider = "homeless"',
        '1: integrations.a: goes nowhere; write provider = "..." or base_url = "https://..."',
        "4: integrations.b.provider: provider 'homeless' has no base URL of its own; "
        'write base_url = "https://{shop}.homeless.example" too',
    )
    check(problems, '[integrations.b]\nprovider = "homeless"\nbase_url = "https://b"')


def test_a_bad_base_url_is_one_problem(problems):
    """Not also a missing one."""
    check(
        problems,
        '[integrations.a]\nbase_url = "a.example"',
        '2: integrations.a.base_url: must begin with "https://" or "http://" and name a host',
    )


def test_the_address_of_an_integration_is_its_own_or_its_providers(vocabulary):
    """Its own first."""
    own = IntegrationConfig(provider="stripe", base_url="http://localhost:1")
    providers = IntegrationConfig(provider="stripe")

    assert base_url_of(own, vocabulary) == BaseUrl("http", "localhost", 1)
    assert base_url_of(providers, vocabulary) == BaseUrl("https", "api.stripe.com", 443)
    assert base_url_of(IntegrationConfig(provider="homeless"), vocabulary) is None
    assert base_url_of(IntegrationConfig(), vocabulary) is None


def test_a_fallback_is_another_integration_that_exists(problems):
    """Not itself, not twice, not a name that only looks right; a broken one exists."""
    check(
        problems,
        A + 'fallback.targets = ["a", "bb", "b", "b", "broken", "zzz"]\n'
        '[integrations.b]\nbase_url = "https://b"\n[integrations.broken]\nbase_url = 3',
        "3: integrations.a.fallback.targets[0]: an integration cannot be its own fallback; name another one",
        "3: integrations.a.fallback.targets[1]: there is no such integration; did you mean 'b'?",
        "3: integrations.a.fallback.targets[3]: 'b' is listed twice; name it once",
        "3: integrations.a.fallback.targets[5]: there is no such integration; known are a, b, broken",
        '7: integrations.broken.base_url: must be a URL, e.g. "https://api.example.com"',
    )


def test_fallbacks_that_go_in_a_circle_are_found_once(problems):
    """At the integration of it that the file has first; what only leads into a circle is right."""
    check(
        problems,
        '[integrations.x]\nbase_url = "https://x"\nfallback.targets = ["b"]\n'
        '[integrations.b]\nbase_url = "https://b"\nfallback.targets = ["c", "e"]\n'
        '[integrations.c]\nbase_url = "https://c"\nfallback.targets = ["d"]\n'
        '[integrations.d]\nbase_url = "https://d"\nfallback.targets = ["b"]\n'
        '[integrations.e]\nbase_url = "https://e"\nfallback.targets = ["f"]\n'
        '[integrations.f]\nbase_url = "https://f"\nfallback.targets = ["e"]\n',
        "6: integrations.b.fallback.targets[0]: makes a circle: b -> c -> d -> b; leave one of them out",
        "15: integrations.e.fallback.targets[0]: makes a circle: e -> f -> e; leave one of them out",
    )


def test_the_apps_own_credential_stays_with_its_provider(problems):
    """`pass` and fallbacks are refused together, from either side."""
    check(
        problems,
        A + 'auth.type = "pass"\nfallback.targets = ["b"]\n[integrations.b]\nbase_url = "https://b"\n'
        '[integrations.c]\nbase_url = "https://c"\nfallback.targets = ["d"]\n'
        '[integrations.d]\nbase_url = "https://d"\nauth.type = "pass"',
        '3: integrations.a.auth.type: "pass" is refused together with fallback.targets, where the app\'s own '
        "credential would go to another provider; leave out one of the two",
        "9: integrations.c.fallback.targets[0]: 'd' has auth type \"pass\" and would get another provider's "
        "credential",
    )


def test_a_client_names_integrations_that_exist(problems):
    """Without repeating what was written."""
    check(
        problems,
        '[clients.c]\ntoken = "env:T"\nintegrations = [\n  "a",\n  "aa",\n]\n' + A,
        "5: clients.c.integrations[1]: there is no such integration; did you mean 'a'?",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[server]\nlisten = ["127.0.0.1:80", "localhost:80"]',
            "2: server.listen[1]: localhost:80 is taken by server.listen[0]; choose another port",
        ),
        (
            '[server]\nlisten = "127.0.0.1:8081"',
            "2: server.listen: 127.0.0.1:8081 is taken by server.admin; choose another port",
        ),
        (
            '[server]\nadmin = "127.0.0.1:8080"',
            "2: server.admin: 127.0.0.1:8080 is taken by server.listen; choose another port",
        ),
        (
            A + 'listen = "127.0.0.1:8080"',
            "3: integrations.a.listen: 127.0.0.1:8080 is taken by server.listen; choose another port",
        ),
        (
            '[server]\nlisten = "unix:/x"\nadmin = "unix:/x"',
            "3: server.admin: unix:/x is taken by server.listen; choose another path",
        ),
    ],
)
def test_no_two_listeners_share_an_address(problems, text, said):
    """Ours by default included; the problem stands at what was written."""
    check(problems, text, said)


def test_port_0_may_be_asked_for_by_many(problems):
    """Each gets a free one."""
    check(
        problems, '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n' + A + 'listen = "127.0.0.1:0"'
    )


def test_a_listener_beyond_loopback_needs_clients(problems):
    """The proxy's and an integration's own; a client that is wrong is a client all the same."""
    text = '[server]\nlisten = "0.0.0.0:80"\n' + A + 'listen = "10.0.0.1:90"\n'
    without = (
        "is beyond loopback without clients, so anybody could spend your credentials;"
        " add [clients.NAME] with a token, or listen on 127.0.0.1 or a Unix socket"
    )

    check(problems, text, f"2: server.listen: {without}", f"5: integrations.a.listen: {without}")
    check(problems, text + '[clients.c]\ntoken = "env:T"')
    check(problems, text + "[clients.c]", '6: clients.c.token: is missing; write token = "env:NAME"')


def test_an_admin_listener_beyond_loopback_needs_its_token(problems):
    """Clients are no substitute."""
    check(
        problems,
        '[server]\nadmin = "0.0.0.0:81"\n[clients.c]\ntoken = "env:T"',
        '2: server.admin: is beyond loopback without a token; write admin_token = "env:ADMIN_TOKEN" too, '
        'or admin = "127.0.0.1:8081"',
    )
    check(problems, '[server]\nadmin = "0.0.0.0:81"\nadmin_token = "env:T"')
    check(
        problems,
        '[server]\nadmin = "0.0.0.0:81"\nadmin_token = "sk_live_51H"',
        '3: server.admin_token: a literal secret is refused; write "env:NAME", "file:/path" or "cmd:..."',
    )


@pytest.mark.parametrize(
    ("listen", "base_url", "own"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "server.listen"),
        ("127.0.0.1:8080", "http://localhost:8080/b", "server.listen"),
        ("127.0.0.1:8080", "https://b.localhost:8080", "server.listen"),
        ("127.0.0.1:80", "http://127.0.0.1", "server.listen"),
        ("127.0.0.1:8080", "http://127.0.0.1:8081", "server.admin"),
        ("127.0.0.1:8080", "http://127.0.0.1:8090", "integrations.a.listen"),
        ("127.0.0.1:8080", "http://127.0.0.1:9999", None),
        ("127.0.0.1:0", "http://127.0.0.1:8080", None),
        ("unix:/x", "http://127.0.0.1:8080", None),
    ],
)
def test_an_integration_cannot_call_outrider_itself(problems, listen, base_url, own):
    """As far as the two texts tell; the rest is seen when connecting."""
    text = (
        f'[server]\nlisten = "{listen}"\n[integrations.a]\nbase_url = "{base_url}"\nlisten = "127.0.0.1:8090"'
    )
    words = f"is Outrider itself ({own}), so calls would go in a circle; write the provider's address"

    check(problems, text, *([f"4: integrations.a.base_url: {words}"] if own else []))


def test_a_listener_with_a_problem_causes_no_other(problems):
    """Its default does not stand in for it."""
    check(
        problems,
        '[server]\nlisten = ":80"\n[integrations.a]\nbase_url = "http://127.0.0.1:8080"\nlisten = "127.0.0.1:8080"',
        '2: server.listen: needs a host: "127.0.0.1:8080", or "0.0.0.0:8080" for every interface',
        "4: integrations.a.base_url: is Outrider itself (integrations.a.listen), so calls would go in a circle; "
        "write the provider's address",
    )


def test_each_client_has_its_own_token(problems):
    """Two that share one could not be told apart; tokens that are refused are not compared."""
    check(
        problems,
        '[clients.a]\ntoken = "env:K"\n[clients.b]\ntoken = "env:L"\n[clients.c]\ntoken = "env:K"\n',
        "6: clients.c.token: is the token of client 'a' too; give each its own",
    )
    refused = 'a literal secret is refused; write "env:NAME", "file:/path" or "cmd:..."'
    check(
        problems,
        '[clients.a]\ntoken = "x"\n[clients.b]\ntoken = "x"\n',
        f"2: clients.a.token: {refused}",
        f"4: clients.b.token: {refused}",
    )


def test_only_the_endpoints_listed_needs_a_list(problems):
    """Without one every call would be a 403; a list with a mistake in it is a list."""
    check(
        problems,
        A + "endpoints_only = true",
        "3: integrations.a.endpoints_only: refuses every call, since no endpoints are listed; list them",
    )
    check(problems, A + 'endpoints_only = true\nendpoints = [{ call = "GET /x" }]')
    assert len(problems(A + "endpoints_only = true\nendpoints = 3")) == 1


def test_what_on_does_not_know_is_named_with_the_nearest(problems):
    """A word that is misspelt, and a status that is none; all that may stand there is told as well."""
    text = (
        '[integrations.a]\nbase_url = "https://a.example"\non = { unreachble = ["retry"], "600" = ["retry"] }'
    )

    misspelt, none = problems(text)

    assert misspelt.startswith("3: integrations.a.on.unreachble: must be a status")
    assert misspelt.endswith("; did you mean 'unreachable'?")
    assert none.endswith('or "limited"')
