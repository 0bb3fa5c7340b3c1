"""What Prometheus sees: the names of the contract, their labels, and that each outcome counts once."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step, sse

STEADY = 'auth = { type = "none" }\nretry = { attempts = 1 }\nbreaker = { failures = 1000000 }\n'


def integration(name: str, url: str, more: str = "") -> str:
    return f'[integrations.{name}]\nbase_url = "{url}"\n{STEADY}{more}'


CONTRACT = {
    "outrider_retries": ("counter", None),
    "outrider_failovers": ("counter", None),
    "outrider_limit_wait_seconds": ("histogram", {"integration"}),
    "outrider_breaker_open": ("gauge", {"integration", "target"}),
    "outrider_credential_refreshes": ("counter", None),
    "outrider_requests": ("counter", {"integration", "method", "status"}),
    "outrider_attempts": ("counter", {"integration", "target", "result"}),
    "outrider_in_flight": ("gauge", {"integration"}),
    "outrider_request_seconds": ("histogram", {"integration"}),
    "outrider_upstream_seconds": ("histogram", {"integration", "target"}),
    "outrider_overhead_seconds": ("histogram", {"integration"}),
    "outrider_plugin_errors": ("counter", None),
    "outrider_config_reloads": ("counter", {"result"}),
    "outrider_config_ok": ("gauge", set()),
}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def sidecar(provider: FakeProvider) -> Iterator[Sidecar]:
    """Outrider with `acme`, and with `gone`, where nobody listens."""
    nobody = "http://127.0.0.1:1"
    with Sidecar(integration("acme", provider.url) + integration("gone", nobody)) as started:
        yield started


def ask(sidecar: Sidecar, path: str = "/acme/x", method: str = "GET") -> int:
    with Wire(sidecar.port) as wire:
        wire.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        return wire.answer(method).status


def scrape(sidecar: Sidecar, accept: str = "") -> tuple[str, str]:
    """Give the content type and the text of `/metrics`."""
    admin = urlsplit(sidecar.admin_url)
    connection = http.client.HTTPConnection(admin.hostname or "", admin.port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def samples(sidecar: Sidecar, name: str) -> dict[tuple[str, ...], float]:
    """Give each sample of a name by the values of its labels, in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(scrape(sidecar)[1])
        for sample in family.samples
        if sample.name == name
    }


def test_the_names_are_those_of_the_contract(sidecar: Sidecar) -> None:
    """Each with its type and its labels; dashboards are built on them."""
    ask(sidecar)

    families = {family.name: family for family in text_string_to_metric_families(scrape(sidecar)[1])}
    labels = {
        name: {*one.samples[0].labels} - {"le"} if one.samples else None for name, one in families.items()
    }
    assert {name: (families[name].type, labels[name]) for name in families if name in CONTRACT} == CONTRACT
    assert all(families[name].documentation for name in CONTRACT)


@pytest.mark.parametrize(
    ("accept", "content_type", "last"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", ""),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF"),
    ],
    ids=["text", "openmetrics"],
)  # fmt: skip
def test_prometheus_gets_the_format_that_it_asks_for(
    sidecar: Sidecar, accept: str, content_type: str, last: str
) -> None:
    """The text of old, or OpenMetrics with its end."""
    given, text = scrape(sidecar, accept)

    assert given.startswith(content_type.partition("; charset")[0])
    assert text.rpartition("\n")[0].endswith(last)


def test_a_status_is_a_class_but_where_it_says_what_to_do(sidecar: Sidecar, provider: FakeProvider) -> None:
    """401, 429 and 503 are as they are; `status` has no more values than that."""
    for status in (200, 204, 301, 400, 401, 404, 429, 500, 503, 529):
        provider.reply(status)
        ask(sidecar)

    assert samples(sidecar, "outrider_requests_total") == {
        ("acme", "GET", "2xx"): 2,
        ("acme", "GET", "3xx"): 1,
        ("acme", "GET", "4xx"): 2,
        ("acme", "GET", "401"): 1,
        ("acme", "GET", "429"): 1,
        ("acme", "GET", "5xx"): 2,
        ("acme", "GET", "503"): 1,
    }
    assert samples(sidecar, "outrider_attempts_total") == {
        ("acme", "2xx", "acme"): 2,
        ("acme", "3xx", "acme"): 1,
        ("acme", "4xx", "acme"): 4,
        ("acme", "5xx", "acme"): 3,
    }


def test_no_request_makes_a_label_of_its_own(sidecar: Sidecar) -> None:
    """Neither its method nor its path nor a name that nobody configured: a scrape stays as small as it is."""
    statuses = [ask(sidecar, method=method) for method in ("DELETE", "PROPFIND", "MKCOL")]
    statuses += [ask(sidecar, f"/made-up-{number}/x") for number in range(3)]

    assert statuses == [200, 501, 501, 404, 404, 404]
    assert samples(sidecar, "outrider_requests_total") == {
        ("acme", "DELETE", "2xx"): 1,
        ("_outrider", "OTHER", "5xx"): 2,
        ("_outrider", "GET", "4xx"): 3,
    }
    assert "made-up" not in scrape(sidecar)[1]


def test_an_attempt_that_failed_says_how(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Nobody there, no HTTP, and an app that left while it was under way."""
    statuses = [ask(sidecar, "/gone/x")]
    provider.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Step.CLOSE)
    statuses.append(ask(sidecar))
    provider.raw(Step.WAIT)
    with Wire(sidecar.port) as wire:
        wire.send(b"GET /acme/left HTTP/1.1\r\nHost: localhost\r\n\r\n")
        provider.until(lambda: len(provider.requests) == 2)
    sidecar.until_said("GET /left left")

    assert statuses == [502, 502]
    assert samples(sidecar, "outrider_attempts_total") == {
        ("gone", "unreachable", "gone"): 1,
        ("acme", "rubbish", "acme"): 1,
        ("acme", "cancelled", "acme"): 1,
    }
    assert samples(sidecar, "outrider_requests_total") == {
        ("gone", "GET", "5xx"): 1,
        ("acme", "GET", "5xx"): 1,
        ("acme", "GET", "4xx"): 1,
    }


def test_a_slow_provider_takes_the_blame(provider: FakeProvider) -> None:
    """A timeout is an attempt of its own kind, and the time is the provider's, not Outrider's."""
    provider.raw(Step.WAIT)
    with Sidecar(integration("acme", provider.url, 'timeout = { response = "50ms" }\n')) as sidecar:
        status = ask(sidecar)
        attempts = samples(sidecar, "outrider_attempts_total")
        request_s, upstream_s, overhead_s = (
            sidecar.metric(f"outrider_{name}_seconds_sum", integration="acme")
            for name in ("request", "upstream", "overhead")
        )

    assert (status, attempts) == (504, {("acme", "timeout", "acme"): 1})
    assert upstream_s >= 0.04
    assert 0 < overhead_s <= request_s - upstream_s


def test_a_refusal_is_a_request_and_no_attempt(sidecar: Sidecar) -> None:
    """Also one that never became a request."""
    with Wire(sidecar.port) as wire:
        wire.send(b"rubbish\r\n\r\n")
        assert wire.answer().status == 400

    assert samples(sidecar, "outrider_requests_total") == {("_outrider", "OTHER", "4xx"): 1}
    assert samples(sidecar, "outrider_attempts_total") == {}


def test_what_is_under_way_is_told_while_it_is(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Up to the last byte, also across a reload; an integration that nobody calls is there with 0."""
    provider.stream(sse("one"), Step.WAIT, sse("two"))
    with Wire(sidecar.port) as wire:
        wire.send(b"GET /acme/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen: list[dict[tuple[str, ...], float]] = []

        def begun() -> None:
            seen.append(samples(sidecar, "outrider_in_flight"))
            sidecar.write(integration("acme", provider.url))
            sidecar.until_said("was reloaded: acme")
            seen.append(samples(sidecar, "outrider_in_flight"))
            provider.release()

        assert wire.answer(on_head=begun).complete

    assert [one["acme",] for one in (*seen, samples(sidecar, "outrider_in_flight"))] == [1, 1, 0]
    assert seen[0]["gone",] == 0


def test_counters_go_on_across_reloads(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Also those of the reloads; a file that was refused is a 0 in `outrider_config_ok`."""
    ask(sidecar)
    ok = []
    for config, said in (
        (integration("acme", provider.url), "was reloaded: acme"),
        ("nonsense = 1", "nonsense"),
    ):
        sidecar.write(config)
        sidecar.until_said(said)
        ok.append(sidecar.metric("outrider_config_ok"))
    ask(sidecar)

    reloads = samples(sidecar, "outrider_config_reloads_total")
    assert ok == [1, 0]
    assert min(reloads["ok",], reloads["refused",]) >= 1
    assert samples(sidecar, "outrider_requests_total")["acme", "GET", "2xx"] == 2


def test_histograms_are_whole(sidecar: Sidecar) -> None:
    """Buckets that only grow, up to all that was counted: one observation for each call."""
    for _ in range(3):
        ask(sidecar)

    families = {family.name: family for family in text_string_to_metric_families(scrape(sidecar)[1])}
    for name in ("outrider_request_seconds", "outrider_overhead_seconds", "outrider_upstream_seconds"):
        found = [one for one in families[name].samples if one.labels["integration"] == "acme"]
        buckets = [(float(one.labels["le"]), one.value) for one in found if one.name.endswith("_bucket")]
        assert buckets == sorted(buckets)
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1] == (float("inf"), 3)
        assert [one.value for one in found if one.name.endswith("_count")] == [3]


def test_openmetrics_has_exemplars(sidecar: Sidecar, provider: FakeProvider) -> None:
    """The newest exchange of each bucket, by the id that `outrider why` takes; the text of old has none."""
    with Wire(sidecar.port) as wire:
        wire.send(b"GET /acme/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        id = {name.lower(): value for name, value in wire.answer().headers}["outrider-id"]

    text = scrape(sidecar, "application/openmetrics-text; version=1.0.0")[1]
    exemplars = {
        sample.name: sample.exemplar
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert {name: one.labels for name, one in exemplars.items()} == {
        f"outrider_{name}_seconds_bucket": {"outrider_id": id} for name in ("request", "upstream", "overhead")
    }
    assert (
        0
        < exemplars["outrider_overhead_seconds_bucket"].value
        < exemplars["outrider_request_seconds_bucket"].value
    )
    assert id not in scrape(sidecar)[1]


def test_a_budget_that_is_spent_and_a_limit_that_is_used_are_seen(provider: FakeProvider) -> None:
    """How often a retry was refused, and the share that is used of the fullest limit."""
    config = f'[integrations.acme]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
    config += 'retry = { attempts = 2, base = "1ms", cap = "1ms", budget = 0 }\n'
    with Sidecar(config) as sidecar:
        unknown = samples(sidecar, "outrider_limit_used_ratio")
        for _ in range(11):
            provider.reply(503)
            provider.reply(200, b"", {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "10"})
            ask(sidecar)

        assert samples(sidecar, "outrider_retry_budget_spent_total") == {("acme", "acme"): 1}
        assert unknown == {}
        assert samples(sidecar, "outrider_limit_used_ratio")["acme",] >= 0.9
