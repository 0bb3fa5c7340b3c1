"""A real Prometheus scrapes a real Outrider in real trouble: every rule of ours fires, and Alertmanager hears of it."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import pytest

from end_to_end.plugin import installed
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply

pytestmark = pytest.mark.long

RULES = Path(__file__).parents[2] / "observability" / "outrider.rules.yml"
#: What cannot be provoked here within a minute; promtool's unit tests have these.
ELSEWHERE = {"OutriderJobsPileUp"}

CONFIG = """
[alerts]
alertmanager = "{alertmanager}"
group = "100ms"
every = 0

[integrations.broken]
base_url = "{url}/broken"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}
status_page = {{ feed = "{url}/status" }}
fallback = {{ targets = ["spare"] }}
on = {{ "5xx" = ["failover", "alert"] }}

[integrations.spare]
base_url = "{url}/broken"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}

[integrations.retried]
base_url = "{url}/broken"
auth = {{ type = "none" }}
retry = {{ attempts = 2, base = "1ms", cap = "1ms", budget = 0.2 }}

[integrations.alone]
base_url = "{url}/broken"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}
breaker = {{ failures = 1, open = "1h" }}

[integrations.key]
base_url = "{url}/refused"
auth = {{ type = "bearer", token = "cmd:echo not-accepted" }}

[integrations.pool]
base_url = "{url}/pool"
auth = {{ type = "bearer", token = ["cmd:echo good-key", "cmd:echo bad-key"] }}

[integrations.token]
base_url = "{url}"
auth = {{ type = "oauth2", grant = "client_credentials", token_url = "{url}/broken", client_id = "me", client_secret = "cmd:echo secret" }}

[integrations.limited]
base_url = "{url}/limited"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}

[integrations.used]
base_url = "{url}/used"
auth = {{ type = "none" }}

[integrations.waits]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ rate = "20/m", burst = 1, wait = "30s" }}]

[integrations.queued]
base_url = "{url}/lost"
auth = {{ type = "none" }}
jobs = {{ attempts = 1 }}

[integrations.old]
base_url = "{url}"
auth = {{ type = "none" }}
status = "deprecated"
"""
PLUGIN = """
import time
from outrider.plugin import ExchangeDone, Layer, Stage, hookimpl

@hookimpl
def outrider_integration_layers(integration):
    def wrap(send):
        async def slept(exchange):
            time.sleep(0.15)  # what no layer may do
            return await send(exchange)
        return slept
    return [Layer(stage=Stage.OBSERVE, wrap=wrap)] if integration.name == "old" else []

def raises(event):
    raise RuntimeError("a listener's mistake")

@hookimpl
def outrider_subscribe(events):
    events.on(ExchangeDone, raises)
"""
STATUS = {
    "status": {"indicator": "critical", "description": "Outage"},
    "incidents": [{"name": "The API is down", "status": "identified", "impact": "critical"}],
}
PROMETHEUS = """
global: {{ scrape_interval: 250ms, evaluation_interval: 250ms }}
rule_files: [rules.yml]
scrape_configs:
  - job_name: outrider
    static_configs: [{{ targets: ["{admin}", "127.0.0.1:1"] }}]
alerting:
  alertmanagers: [{{ static_configs: [{{ targets: ["{alertmanager}"] }}] }}]
"""
ALERTMANAGER = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n"


def answer(request: ReceivedRequest) -> Script:
    """Play every kind of trouble, by the beginning of the path."""
    kind = request.target.split("/")[1]
    if kind == "pool":
        return reply(401 if ("Authorization", "Bearer bad-key") in request.headers else 200)
    used = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "3600"}
    return {
        "broken": reply(500),
        "refused": reply(401),
        "lost": reply(404),
        "limited": reply(429),
        "used": reply(200, b"", used),
        "status": reply(200, STATUS),
    }.get(kind, reply(200))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def get(url: str, path: str, headers: Mapping[str, str] | None = None) -> Any:
    """Give the JSON of an answer; None where there is none."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        body = connection.getresponse().read()
        return json.loads(body)
    except ValueError:
        return None
    finally:
        connection.close()


@contextmanager
def running(folder: Path, *command: str, url: str) -> Iterator[str]:
    """Run a server until the end of the block; give its URL once it is ready."""
    log = (folder / f"{Path(command[0]).name}.log").open("w")
    with log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process:
        try:
            until(lambda: ready(url), process, f"{command[0]} is not ready")
            yield url
        finally:
            process.terminate()


def ready(url: str) -> bool:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until(
    claim: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None, otherwise: str = ""
) -> None:
    """Ask again and again, two minutes at most."""
    end = monotonic() + 120
    while not claim():
        assert process is None or process.poll() is None, otherwise
        assert monotonic() < end, otherwise
        sleep(0.1)


@contextmanager
def traffic(sidecar: Sidecar) -> Iterator[None]:
    """Call every integration again and again: a rate needs a counter that goes on."""
    names = re.findall(r"integrations\.([a-z]+)\]", CONFIG)
    stop = threading.Event()

    def calls(name: str) -> None:
        while not stop.is_set():
            with suppress(OSError):
                get(sidecar.url, f"/{name}/x", {"Prefer": "respond-async"} if name == "queued" else {})
            stop.wait(0.05)

    threads = [threading.Thread(target=calls, args=(name,)) for name in (*names, *["waits"] * 3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program is not None, "apt-get install prometheus-alertmanager"
    (tmp_path / "alertmanager.yml").write_text(ALERTMANAGER)
    port = free_port()
    with running(
        tmp_path,
        program,
        "--config.file=alertmanager.yml",
        "--storage.path=alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        url=f"http://127.0.0.1:{port}",
    ) as url:
        yield url


@pytest.fixture
def sidecar(tmp_path: Path, alertmanager: str) -> Iterator[Sidecar]:
    with FakeProvider(answer) as provider:
        config = CONFIG.format(url=provider.url, alertmanager=alertmanager)
        with Sidecar(config, env=installed(tmp_path, PLUGIN)) as started:
            yield started


def test_every_rule_fires_and_alertmanager_hears(sidecar: Sidecar, alertmanager: str, tmp_path: Path) -> None:
    """With `for` at nothing; what Outrider and Prometheus tell stands there side by side."""
    assert shutil.which("prometheus") is not None, "apt-get install prometheus"
    rules = RULES.read_text()
    (tmp_path / "rules.yml").write_text(re.sub(r"for: \S+", "for: 0s", rules))
    hosts = (urlsplit(url).netloc for url in (sidecar.admin_url, alertmanager))
    config = PROMETHEUS.format(admin=next(hosts), alertmanager=next(hosts))
    (tmp_path / "prometheus.yml").write_text(config)
    port = free_port()
    wanted = {*re.findall(r"alert: (\S+)", rules)} - ELSEWHERE
    fired: set[str] = set()

    def all_fired() -> bool:
        told = get(prometheus, "/api/v1/alerts")["data"]["alerts"]
        fired.update(one["labels"]["alertname"] for one in told if one["state"] == "firing")
        return fired >= wanted

    def heard() -> dict[str, str]:
        told = get(alertmanager, "/api/v2/alerts")
        return {one["labels"]["alertname"]: one["annotations"]["summary"] for one in told}

    with (
        running(
            tmp_path,
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=prometheus",
            "--enable-feature=exemplar-storage",
            f"--web.listen-address=127.0.0.1:{port}",
            url=f"http://127.0.0.1:{port}",
        ) as prometheus,
        traffic(sidecar),
    ):
        until(lambda: sidecar.metric("outrider_alerts") >= 4, otherwise="no alerts of Outrider's own")
        sidecar.write("nonsense = 1")
        try:
            until(all_fired)
        except AssertionError:
            pytest.fail(f"did not fire: {sorted(wanted - fired)}")
        until(
            lambda: {"OutriderDown", "OutriderFailing"} <= heard().keys(),
            otherwise="Alertmanager did not hear",
        )
        exemplars = get(
            prometheus, "/api/v1/query_exemplars?query=outrider_request_seconds_bucket&start=0&end=9999999999"
        )
        said = heard()

    assert "The API is down (critical)" in said["OutriderFailing"]
    assert said["OutriderDown"].startswith("Outrider at 127.0.0.1:1 does not answer")
    assert all(one["labels"]["outrider_id"] for series in exemplars["data"] for one in series["exemplars"])
    assert exemplars["data"]


def test_alertmanager_hears_of_the_end(alertmanager: str) -> None:
    """An alert that is over is no longer there."""

    def active() -> list[str]:
        return [one["labels"]["alertname"] for one in get(alertmanager, "/api/v2/alerts?active=true")]

    with FakeProvider() as provider:
        config = (
            f'[alerts]\nalertmanager = "{alertmanager}"\ngroup = "10ms"\nevery = 0\n'
            f'[integrations.acme]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
        )
        with Sidecar(config) as sidecar:
            provider.reply(401)
            get(sidecar.url, "/acme/x")
            until(lambda: active() == ["OutriderInvalidKey"], otherwise="not heard")
            get(sidecar.url, "/acme/x")
            until(lambda: active() == [], otherwise="the end was not heard")
