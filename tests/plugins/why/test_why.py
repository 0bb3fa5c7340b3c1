"""Why, tail and top, through the real program."""

import http.client
import json
import re
import select
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar
from outrider_plugins.why.commands import line_of

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "unix:{folder}/admin.sock"

[integrations.acme]
base_url = "{url}"
auth = {{ type = "query", name = "key", value = "env:ACME_KEY" }}
retry = {{ attempts = 2, base = "10ms", cap = "20ms" }}
fallback = {{ targets = ["spare"] }}
breaker = {{ failures = 50 }}

[integrations.spare]
base_url = "{url}/spare"
"""


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def sidecar(provider: FakeProvider, tmp_path: Path) -> Iterator[Sidecar]:
    config = CONFIG.format(url=provider.url, folder=tmp_path)
    with Sidecar(config, env={"ACME_KEY": "s3cret-key-of-acme"}) as started:
        yield started


def call(sidecar: Sidecar, path: str) -> tuple[int, str]:
    """Make a call; its status and Outrider-Id."""
    try:
        with urllib.request.urlopen(f"{sidecar.url}/acme{path}") as response:
            response.read()
            return response.status, response.headers["Outrider-Id"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Outrider-Id"]


def outrider(sidecar: Sidecar, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "outrider", *words, "--config", str(sidecar.config_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def plain(text: str) -> list[str]:
    """Give the lines with every number as N, and single spaces."""
    return [" ".join(re.sub(r"\b\d+(\.\d+)?\b", "N", line).split()) for line in text.splitlines()]


def test_a_call_is_told_step_by_step(sidecar: Sidecar, provider: FakeProvider, tmp_path: Path) -> None:
    """Each attempt, wait and decision with its time: from memory, and after the fact from the log."""
    provider.reply(503)
    provider.reply(500)
    provider.reply(200)
    status, id = call(sidecar, "/v1/things?key=mine")
    code, out, err = outrider(sidecar, "why", id)
    sidecar.until_said(f'"id": "{id}"')
    (tmp_path / "log").write_text(sidecar.stderr)
    from_log = outrider(sidecar, "why", id, "--log", str(tmp_path / "log"))

    assert (status, code, err) == (200, 0, "")
    told = plain(out)
    assert told[0] == "GET /v1/things of acme"
    assert id in out
    assert told[2:-2] == [
        "N ms attempt N at acme: 5xx after N ms",
        "N ms retry of acme for N, after a wait of N ms",
        "N ms attempt N at acme: 5xx after N ms",
        "N ms acme failed for N; on says: failover, message, retry",
        "N ms failed over from acme to spare for N",
        "N ms attempt N at spare: 2xx after N ms",
    ]
    assert told[-2:] == [
        "N ms answered N, N attempts",
        "of that up to the head: the provider N ms, waiting on purpose N ms, Outrider N ms",
    ]
    assert from_log[0] == 0
    assert plain(from_log[1])[2:] == told[2:]
    assert "s3cret" not in out + from_log[1]


def test_steps_stand_in_the_order_in_which_they_began(provider: FakeProvider, tmp_path: Path) -> None:
    """An attempt that waits for its turn first begins when it is sent."""
    limit = '[[integrations.acme.limits]]\nrate = "5/s"\nburst = 1\n'
    with Sidecar(CONFIG.format(url=provider.url, folder=tmp_path) + limit, env={"ACME_KEY": "key"}) as one:
        provider.reply(503)
        provider.reply(200)
        _, id = call(one, "/x")
        code, out, _ = outrider(one, "why", id)

    told = [line.split() for line in out.splitlines()[2:-1]]
    times_ms = [float(words[0]) * (1000 if words[1] == "s" else 1) for words in told]
    assert (code, times_ms) == (0, sorted(times_ms))
    assert [" ".join(words[2:4]) for words in told[-3:]] == ["waited for", "attempt 2", "answered 200,"]


def test_a_call_without_a_turn_has_no_key(provider: FakeProvider, tmp_path: Path) -> None:
    """Of a pool none was chosen, so none is named."""
    pool = f"""
[integrations.pool]
base_url = "{provider.url}"
auth = {{ type = "bearer", token = ["env:ONE", "env:TWO"] }}
[[integrations.pool.limits]]
rate = "1/h"
wait = 0
"""
    keys = {"ACME_KEY": "key", "ONE": "first-key", "TWO": "second-key"}
    with Sidecar(CONFIG.format(url=provider.url, folder=tmp_path) + pool, env=keys) as one:
        urllib.request.urlopen(f"{one.url}/pool/x").close()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{one.url}/pool/x")
        refused.value.close()
        _, out, _ = outrider(one, "why", refused.value.headers["Outrider-Id"])

    assert "no turn at the limit" in out
    assert "attempt 1 at pool: refused" in out


def test_an_unknown_call(sidecar: Sidecar) -> None:
    """Exit code 1, and where else to look."""
    assert outrider(sidecar, "why", "no/such id") == (
        1,
        "no call no/such id is remembered; an older one may be in the log: --log FILE\n",
        "",
    )


def test_a_secret_in_a_path_is_not_shown(sidecar: Sidecar) -> None:
    """Some APIs have the key in the path, and then it is in what is remembered."""
    _, id = call(sidecar, "/bots3cret-key-of-acme/send")

    assert outrider(sidecar, "why", id)[1].startswith("GET /bot***/send of acme\n")
    assert "s3cret-key" not in outrider(sidecar, "drift")[1]


def test_tail_follows_the_calls(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Those that are asked for, one line each, as they end; with SIGTERM the stream ends too."""
    command = [
        sys.executable,
        "-m",
        "outrider",
        "tail",
        "--config",
        str(sidecar.config_path),
        "--status",
        "4xx",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        lines = []
        for _ in range(200):  # until it listens
            provider.reply(404)
            id = call(sidecar, "/lost")[1]
            call(sidecar, "/found")
            if tail.poll() is None and (line := _ready(tail)):
                lines.append(line)
                break
        code = sidecar.stop()
        rest = tail.stdout.read()
        ended = tail.wait(timeout=20)

    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  404 acme GET /lost [\d.]+ ms \S+\n", lines[0])
    assert "/found" not in rest
    assert id in lines[0] + rest
    assert (code, ended) == (0, 0)


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline() if select.select([process.stdout], [], [], 0.2)[0] else ""


def test_top_shows_the_last_minute(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A row for each integration: rate, errors, times, limit, breaker, jobs."""
    provider.reply(404)
    provider.reply(200, {}, {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "10"})
    for path in ("/a", "/b", "/c"):
        call(sidecar, path)

    code, out, err = outrider(sidecar, "top")

    lines = plain(out)
    assert (code, err) == (0, "")
    assert lines[1] == "integration req/s errors pN pN in flight limit used breaker jobs".replace(
        "pN pN", "p50 p99"
    )
    assert re.fullmatch(r"acme N N N ms N ms N (N%|–) closed N", lines[2])
    assert lines[3] == "spare N N – – N – – N"


def test_the_admin_gives_the_same_as_json(sidecar: Sidecar) -> None:
    """For programs: times in milliseconds, and no step where all went well at once."""
    _, id = call(sidecar, "/fine")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    address = re.search(r"unix:(\S+)", sidecar.admin_url)
    assert address is not None
    connection.sock.connect(address[1])
    connection.request("GET", f"/api/why/{id}")
    told = json.load(connection.getresponse())
    connection.close()

    assert (told["integration"], told["status"], told["attempts"], told["steps"]) == ("acme", 200, 1, [])
    assert told["ms"] >= told["provider_ms"]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--status", "9xx"), "--status '9xx': must be a status or a class of them, e.g. 503 or 5xx"),
        (
            ("--integration", "acne"),
            "--integration 'acne': there is no such integration; did you mean 'acme'?",
        ),
    ],
)
def test_tail_waits_for_nothing_that_cannot_come(
    sidecar: Sidecar, words: tuple[str, str], remedy: str
) -> None:
    """What no call ever has is told at once, in one line."""
    assert outrider(sidecar, "tail", *words) == (2, "", f"outrider: {remedy}\n")


def test_a_line_of_tail_has_its_colours() -> None:
    """Each part its own, on no ground: what went wrong stands out."""
    call = {
        "at": "2026-11-25T12:00:00.123+00:00",
        "integration": "acme",
        "method": "GET",
        "path": "/x",
        "ms": 7.5,
    }
    line = line_of({**call, "status": 503, "attempts": 2, "wait_ms": 3.1, "broken": False, "id": "1-2"})

    assert str(line) == "12:00:00.123  503 acme GET /x 7.5 ms 2 attempts waited 3.1 ms 1-2"
    assert line.style == ""
    assert [str(span.style) for span in line.spans] == [
        "dim",
        "red",
        "bold",
        "cyan",
        "yellow",
        "yellow",
        "dim",
    ]
