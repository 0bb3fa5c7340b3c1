"""Alerts through the real program: what each kind of trouble tells to a webhook, Slack and Alertmanager."""

import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, Step, reply

SECRET = "T00/B00/s3cret-of-slack"
CONFIG = """
[alerts]
webhook = "env:WEBHOOK"
slack = "env:SLACK"
alertmanager = "{receiver}"
alertmanager_token = "env:AM_TOKEN"
group = "20ms"
every = 0

[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
retry = {{ attempts = 2, base = "1ms", cap = "1ms", budget = 0 }}
breaker = {{ failures = 50, open = "50ms" }}
status_page = {{ feed = "{receiver}/status" }}
on = {{ "5xx" = ["retry", "alert"], "401" = ["alert"], "402" = ["alert"] }}

[integrations.queued]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ attempts = 1 }}

[integrations.lost]
base_url = "http://127.0.0.1:9"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "5ms", keep = "50ms" }}

[integrations.old]
base_url = "{url}"
auth = {{ type = "none" }}
status = "deprecated"

[integrations.token]
base_url = "{url}"
auth = {{ type = "oauth2", grant = "client_credentials", token_url = "{url}/token", client_id = "me", client_secret = "env:AM_TOKEN" }}
"""
STATUS = {
    "status": {"indicator": "major", "description": "Outage"},
    "incidents": [{"name": "Errors & more", "status": "identified", "impact": "major"}],
}


class Receiver(FakeProvider):
    """All three in one, by their paths, and the provider's status page."""

    def __init__(self) -> None:
        super().__init__(self._answer)

    def _answer(self, request: ReceivedRequest) -> Script:
        return reply(200, STATUS if request.target == "/status" else b"")

    def told(self, path: str) -> list[Any]:
        return [json.loads(one.body) for one in self.requests if one.target == path and one.body]

    def alerts(self) -> list[tuple[str, str, str, str]]:
        """Give what the webhook was told: integration, kind, reason, status."""
        return [
            (one["integration"], one["kind"], one["reason"], one["status"])
            for message in self.told("/hook")
            for one in message["alerts"]
        ]

    def until_told(self, *alert: str) -> None:
        self.until(lambda: alert in self.alerts())


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def sidecar(provider: FakeProvider, receiver: Receiver) -> Iterator[Sidecar]:
    config = CONFIG.format(url=provider.url, receiver=receiver.url)
    env = {
        "WEBHOOK": f"{receiver.url}/hook",
        "SLACK": f"{receiver.url}/services/{SECRET}",
        "AM_TOKEN": "am-t0ken",
    }
    with Sidecar(config, env=env) as started:
        yield started
        assert SECRET not in started.stderr
        assert "am-t0ken" not in started.stderr


def call(
    sidecar: Sidecar, path: str = "/acme/x", headers: dict[str, str] | None = None, method: str = "GET"
) -> int:
    at = urlsplit(sidecar.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_an_outage_is_told_and_its_end(sidecar: Sidecar, provider: FakeProvider, receiver: Receiver) -> None:
    """With the incident's name, in three shapes; the end as RESOLVED, and as an endsAt."""
    for _ in range(2):
        provider.reply(503)
    assert call(sidecar) == 503
    receiver.until_told("acme", "failing", "503", "firing")
    call(sidecar)
    receiver.until_told("acme", "failing", "503", "resolved")
    receiver.until(
        lambda: len(receiver.told("/api/v2/alerts")) == 2 and len(receiver.told(f"/services/{SECRET}")) == 2
    )

    fired, resolved = receiver.told("/hook")
    assert fired["alerts"][0]["incident"] == "Errors & more (major)"
    assert fired["alerts"][0]["severity"] == "critical"
    assert resolved["alerts"][0]["ends_at"] >= fired["alerts"][0]["starts_at"]
    assert [message["text"] for message in receiver.told(f"/services/{SECRET}")] == [
        f":red_circle: *acme* failed: 503 (`outrider why {fired['alerts'][0]['outrider_id']}`)\n> its provider says: Errors &amp; more (major)",
        ":large_green_circle: RESOLVED after 0 s: *acme* answers again (failed: 503)",
    ]
    (on,), (off,) = receiver.told("/api/v2/alerts")
    assert on["labels"]["alertname"] == "OutriderFailing"
    assert on["labels"]["integration"] == "acme"
    assert off["labels"] == on["labels"]
    assert on["annotations"]["outrider_id"] == fired["alerts"][0]["outrider_id"]
    assert on["endsAt"] > off["endsAt"] > off["startsAt"] == on["startsAt"]
    assert {
        field
        for request in receiver.requests
        for field in request.headers
        if field[0].lower() == "authorization"
    } == {("Authorization", "Bearer am-t0ken")}
    assert sidecar.stderr.count("failed: 503; its provider says: Errors") == 1


def test_each_kind_of_trouble_is_told(sidecar: Sidecar, provider: FakeProvider, receiver: Receiver) -> None:
    """A key that is refused, a breaker, a spent budget, a deprecated call, a limit, a token that is not to be had."""
    provider.reply(401)
    call(sidecar)
    receiver.until_told("acme", "invalid-key", "401", "firing")
    provider.reply(200, b"", {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "7"})
    call(sidecar)
    receiver.until_told("acme", "limit", "requests", "firing")
    receiver.until_told("acme", "invalid-key", "401", "resolved")
    call(sidecar, "/old/x")
    receiver.until_told("old", "deprecated", "any", "firing")
    provider.reply(500)
    assert call(sidecar, "/token/x") == 503
    receiver.until_told("token", "credential", "failed", "firing")
    for _ in range(11):  # the budget's floor is ten retries in ten seconds
        provider.reply(503)
        provider.reply(200)
        call(sidecar)
    receiver.until_told("acme", "budget", "spent", "firing")
    provider.clear()
    provider.reply(503)
    assert call(sidecar) == 503
    receiver.until_told("acme", "breaker", "open", "firing")  # at once: the provider says that it is down

    assert json.loads(http_get(sidecar, "/api/alerts"))["alerts"][0]["kind"] == "limit"


def test_a_dead_job_is_told(sidecar: Sidecar, provider: FakeProvider, receiver: Receiver) -> None:
    """By its id, so that it can be looked at and sent again."""
    provider.reply(400, {"error": "no"})
    assert call(sidecar, "/queued/x", {"Prefer": "respond-async"}, "POST") == 202
    receiver.until_told("queued", "job", "failed", "firing")

    (message,) = receiver.told("/hook")
    assert re.fullmatch(
        r"job \S+ failed for good: .*; outrider jobs retry sends it again", message["alerts"][0]["text"]
    )


def test_jobs_that_nobody_took_in_time_are_told(sidecar: Sidecar, receiver: Receiver) -> None:
    """They are as dead as those that the provider refused."""
    assert call(sidecar, "/lost/x", {"Prefer": "respond-async"}, "POST") == 202
    receiver.until_told("lost", "job", "expired", "firing")

    alerts = [alert for message in receiver.told("/hook") for alert in message["alerts"]]
    assert [alert["text"] for alert in alerts if alert["kind"] == "job"] == [
        "1 job failed for good, not delivered in time; outrider jobs retry sends what failed again"
    ]


def test_an_alert_outlasts_a_reload(sidecar: Sidecar, provider: FakeProvider, receiver: Receiver) -> None:
    """It is over when the provider answers again; at once where the integration is another one now."""
    provider.reply(401)
    call(sidecar)
    receiver.until_told("acme", "invalid-key", "401", "firing")
    text = sidecar.config_path.read_text()
    sidecar.write(text + "# another\n")
    sidecar.until_said("was reloaded")
    on = [one["kind"] for one in json.loads(http_get(sidecar, "/api/alerts"))["alerts"]]
    call(sidecar)
    receiver.until_told("acme", "invalid-key", "401", "resolved")
    provider.reply(402)
    call(sidecar)
    sidecar.write(text.replace(f'base_url = "{provider.url}"', 'base_url = "http://127.0.0.1:1"', 1))
    sidecar.until_said("the configuration was reloaded; over: failed: 402")

    assert on == ["invalid-key"]


def test_a_receiver_that_hangs_holds_up_nobody(
    sidecar: Sidecar, provider: FakeProvider, receiver: Receiver
) -> None:
    """Calls go on as if there were no alerts."""
    gate = threading.Event()
    receiver.handler = lambda request: None if gate.is_set() else Script((Step.WAIT,))
    provider.reply(401)
    first = call(sidecar)
    receiver.until(lambda: bool(receiver.requests))
    rest = [call(sidecar) for _ in range(20)]
    gate.set()
    receiver.release(100)

    assert (first, set(rest)) == (401, {200})


@pytest.mark.parametrize(
    ("alerts", "env", "said"),
    [
        ('slack = "https://hooks.slack.com/x"', "", "a literal secret is refused"),
        ('slack = "env:SLACK"', "", "alerts.slack: no secret; set SLACK"),
        (
            'webhook = "env:SLACK"',
            "hooks.example/s3cret",
            "the secret of env:SLACK is no URL to call: must begin with",
        ),
        ('kinds = ["failng"]', "", "did you mean 'failing'?"),
        ("evry = 5", "", "did you mean 'every'?"),
    ],
)
def test_what_is_wrong_is_said_at_check(tmp_path: Path, alerts: str, env: str, said: str) -> None:
    """With its line, and without the URL."""
    (tmp_path / "config.toml").write_text(f"[alerts]\n{alerts}\n")
    command = [sys.executable, "-m", "outrider", "check"]
    environ = {"SLACK": env} if env else {}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert said in done.stdout
    assert done.stdout.startswith("config.toml:2: alerts.")
    assert "s3cret" not in done.stdout + done.stderr


def http_get(sidecar: Sidecar, path: str) -> bytes:
    at = urlsplit(sidecar.admin_url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
