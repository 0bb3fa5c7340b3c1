"""Traces through the real program, to a receiver that reads OTLP with OpenTelemetry's own messages."""

import http.client
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from outrider.testing import FakeProvider, Sidecar

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
CONFIG = """
[traces]
endpoint = "{receiver}/v1/traces"
headers = {{ Authorization = "env:OTLP_AUTH" }}
sample = {sample}

[integrations.acme]
base_url = "{url}"
auth = {{ type = "query", name = "key", value = "env:ACME_KEY" }}
retry = {{ attempts = 2, base = "20ms", cap = "40ms" }}
traces = {{ propagate = true }}

[integrations.quiet]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ rate = "20/s", burst = 1 }}]
"""
ENV = {"OTLP_AUTH": "Bearer otlp-s3cret", "ACME_KEY": "acme-s3cret"}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


def sidecar(provider: FakeProvider, receiver: FakeProvider, sample: float = 1) -> Sidecar:
    return Sidecar(CONFIG.format(url=provider.url, receiver=receiver.url, sample=sample), env=ENV)


def call(sidecar: Sidecar, path: str, headers: Mapping[str, str] | None = None) -> str:
    """Make a call; its Outrider-Id."""
    at = urlsplit(sidecar.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
        return answer.headers["Outrider-Id"]
    finally:
        connection.close()


def spans(receiver: FakeProvider) -> list[Span]:
    """Give what was received, in the order of their beginnings."""
    found = []
    for request in receiver.requests:
        message = ExportTraceServiceRequest()
        message.ParseFromString(request.body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                found += scope.spans
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def attributes(span: Span) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def sent(provider: FakeProvider, name: str) -> list[str]:
    """Give the values of a field in the last request that the provider got."""
    return [value for each, value in provider.requests[-1].headers if each.lower() == name]


def test_an_exchange_its_attempts_and_its_waits(provider: FakeProvider, receiver: FakeProvider) -> None:
    """One trace, the app's own; each attempt and wait is a child; the provider sees its attempt's span."""
    provider.reply(503)
    with sidecar(provider, receiver) as running:
        id = call(running, "/acme/things?token=mine", {"traceparent": TRACEPARENT, "tracestate": "app=1"})
        assert running.stop() == 0
    exchange, first, wait, second = spans(receiver)

    assert [span.name for span in (exchange, first, wait, second)] == [
        "GET acme",
        "GET 127.0.0.1",
        "wait before a retry",
        "GET 127.0.0.1",
    ]
    assert {span.trace_id.hex() for span in (exchange, first, wait, second)} == {TRACE}
    assert exchange.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in (first, wait, second)} == {exchange.span_id}
    assert first.end_time_unix_nano <= wait.start_time_unix_nano < wait.end_time_unix_nano
    assert wait.end_time_unix_nano <= second.start_time_unix_nano <= second.end_time_unix_nano
    assert second.end_time_unix_nano <= exchange.end_time_unix_nano
    assert attributes(exchange) == {
        "http.request.method": "GET",
        "url.path": "/things",
        "outrider.integration": "acme",
        "outrider.id": id,
        "outrider.attempts": 2,
        "http.response.status_code": 200,
    }
    assert attributes(first)["http.response.status_code"] == 503
    assert attributes(second)["http.request.resend_count"] == 1
    assert [span.status.code for span in (exchange, first, second)] == [0, 2, 0]
    assert sent(provider, "traceparent") == [f"00-{TRACE}-{second.span_id.hex()}-01"]
    assert sent(provider, "tracestate") == ["app=1"]
    told = b"".join(request.body for request in receiver.requests)
    assert b"s3cret" not in told
    assert b"mine" not in told
    assert ("authorization", "Bearer otlp-s3cret") in [
        (name.lower(), value) for name, value in receiver.requests[0].headers
    ]


def test_a_provider_learns_nothing_unless_it_is_to(provider: FakeProvider, receiver: FakeProvider) -> None:
    """The fields of a trace end here; the wait for a turn is a span too."""
    fields = {"traceparent": TRACEPARENT, "tracestate": "app=1", "baggage": "user=7", "X-Other": "stays"}
    with sidecar(provider, receiver) as running:
        for _ in range(2):
            call(running, "/quiet/x", fields)
        running.stop()

    assert [sent(provider, name) for name in ("traceparent", "tracestate", "baggage")] == [[], [], []]
    assert sent(provider, "x-other") == ["stays"]
    waits = [span for span in spans(receiver) if span.name == "wait for a turn"]
    assert len(waits) == 1
    assert 20e6 < waits[0].end_time_unix_nano - waits[0].start_time_unix_nano < 5e9


def test_a_malformed_trace_is_begun_anew(provider: FakeProvider, receiver: FakeProvider) -> None:
    """And so is none at all; the state of what is not there is dropped."""
    wrong = ("", "00-xyz", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", TRACEPARENT.upper())
    told = []
    with sidecar(provider, receiver) as running:
        for traceparent in wrong:
            fields = {"traceparent": traceparent, "tracestate": "app=1"} if traceparent else {}
            call(running, "/acme/x", fields)
            told += sent(provider, "traceparent")
            assert sent(provider, "tracestate") == []
        running.stop()
    found = spans(receiver)

    for number, traceparent in enumerate(told):
        exchange, attempt = found[2 * number : 2 * number + 2]
        assert exchange.trace_id.hex() not in (TRACE, "0" * 32)
        assert exchange.parent_span_id == b""
        assert traceparent[:-2] == f"00-{exchange.trace_id.hex()}-{attempt.span_id.hex()}-"
        assert int(traceparent[-2:], 16) & 1  # sampled; beside it newer versions say that the id is random
    assert len(told) == len(wrong)


def test_what_the_app_decided_on_sampling_holds(provider: FakeProvider, receiver: FakeProvider) -> None:
    """`sample` is about traces that begin here; the provider is told the same decision."""
    with sidecar(provider, receiver, sample=0) as running:
        call(running, "/acme/x")
        unsampled = sent(provider, "traceparent")[0]
        call(running, "/acme/x", {"traceparent": TRACEPARENT})
        running.stop()

    assert not int(unsampled[-2:], 16) & 1
    assert {span.trace_id.hex() for span in spans(receiver)} == {TRACE}


def test_without_traces_nothing_is_touched(provider: FakeProvider) -> None:
    """The app's fields go on as they are, and there is no layer."""
    config = f'[integrations.acme]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
    with Sidecar(config) as running:
        call(running, "/acme/x", {"traceparent": TRACEPARENT, "baggage": "user=7"})
        command = [sys.executable, "-m", "outrider", "show", "--config", str(running.config_path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert (sent(provider, "traceparent"), sent(provider, "baggage")) == ([TRACEPARENT], ["user=7"])
    assert "traces" not in shown


def test_a_collector_that_is_gone_holds_up_nobody(provider: FakeProvider) -> None:
    """Neither a call nor the end of the program."""
    config = CONFIG.format(url=provider.url, receiver="http://127.0.0.1:1", sample=1)
    with Sidecar(config, env=ENV) as running:
        call(running, "/acme/x")
        code = running.stop()

    assert code == 0
    assert "s3cret" not in running.stderr


def test_what_is_wrong_is_said_at_check(tmp_path: Path) -> None:
    """Propagation without traces, a sample that is no share, a literal secret."""
    (tmp_path / "config.toml").write_text(
        '[traces]\nsample = 2\nheaders = { Authorization = "Bearer x" }\n'
        '[integrations.a]\nbase_url = "https://a.example"\nauth = { type = "none" }\n'
    )
    command = [sys.executable, "-m", "outrider", "check"]
    wrong = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (tmp_path / "config.toml").write_text(
        '[integrations.a]\nbase_url = "https://a.example"\nauth = { type = "none" }\ntraces = { propagate = true }\n'
    )
    idle = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (wrong.returncode, idle.returncode) == (2, 2)
    assert "config.toml:2: traces.sample: must be" in wrong.stdout
    assert "config.toml:3: traces.headers.Authorization: a literal secret is refused" in wrong.stdout
    assert idle.stdout.startswith("config.toml:4: integrations.a.traces: does nothing without [traces]")


def test_without_the_extra_it_is_said_at_check(tmp_path: Path) -> None:
    """With what to install; the API alone, which other packages bring along, is not enough."""
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    (tmp_path / "config.toml").write_text('[traces]\nendpoint = "http://127.0.0.1:4318/v1/traces"\n')
    command = [sys.executable, "-m", "outrider", "check"]
    env = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stdout == "config.toml:1: traces: needs an extra; pip install 'outrider[otel]'\n"
