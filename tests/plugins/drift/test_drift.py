"""Drift, through the real program."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar
from outrider_plugins.drift import about

CONFIG = """
# The file of somebody who writes comments.
[server]
listen = "127.0.0.1:0"
admin = "unix:{folder}/admin.sock"

[integrations.acme]
base_url = "{url}"
status = "deprecated"
retry = {{ attempts = 1 }}

[[integrations.acme.limits]]
rate = "1000/s"

# Calls that we know of.
[[integrations.acme.endpoints]]
call = "GET /v1/customers/{{id}}"

[[integrations.acme.endpoints]]
call = "GET /v1/never"
"""


def call(sidecar: Sidecar, method: str, path: str) -> int:
    request = urllib.request.Request(f"{sidecar.url}/acme{path}", method=method)
    try:
        with urllib.request.urlopen(request) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def drift(sidecar: Sidecar, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "outrider", "drift", "--config", str(sidecar.config_path), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_what_is_called_is_compared_with_what_is_listed(tmp_path: Path) -> None:
    """Every kind of difference is told; `--write` lists the endpoints, and then they are known."""
    with FakeProvider() as provider:
        config = CONFIG.format(url=provider.url, folder=tmp_path)
        with Sidecar(config) as sidecar:
            provider.reply(200, {}, {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "49"})
            statuses = [call(sidecar, "GET", f"/v1/customers/cus_{number}x") for number in range(3)]
            statuses += [call(sidecar, "POST", f"/v1/charges/ch_{number}/capture") for number in range(2)]
            provider.reply(404)
            statuses.append(call(sidecar, "GET", "/v1/customers/cus_1"))
            first = drift(sidecar)
            written = drift(sidecar, "--write")
            text = sidecar.config_path.read_text()
            sidecar.until_said("the configuration was reloaded")
            second = drift(sidecar)

    assert statuses == [200, 200, 200, 200, 200, 404]
    assert first == (
        1,
        "acme: POST /v1/charges/{id}/capture was called 2 times and is not listed\n"
        "acme: GET /v1/never is listed and was never called\n"
        "acme: 404 was answered once, and the error table does not name it\n"
        "acme: the provider tells a limit of 50 (requests); configured is 1000/s\n"
        "acme: is deprecated, and was called 6 times\n",
        "",
    )
    assert written[0] == 0
    assert "1 endpoint added" in written[1]
    assert text == config + '\n[[integrations.acme.endpoints]]\ncall = "POST /v1/charges/{id}/capture"\n'
    assert "not listed" not in second[1]
    # What the provider told outlasts the reload.
    assert [line.split()[1] for line in second[1].splitlines()] == ["GET", "404", "the", "is"]


def test_without_a_difference_there_is_no_drift(tmp_path: Path) -> None:
    """Exit code 0; what never reached a target is nobody's endpoint."""
    with FakeProvider() as provider:
        config = f"""
            [server]
            listen = "127.0.0.1:0"
            admin = "unix:{tmp_path}/a.sock"
            [integrations.acme]
            base_url = "{provider.url}"
            endpoints_only = true
            endpoints = [{{ call = "GET /a" }}]
        """
        with Sidecar(config) as sidecar:
            statuses = [call(sidecar, "GET", path) for path in ("/a", "/b")]
            code, out, err = drift(sidecar)

    assert statuses == [200, 403]
    assert (code, err) == (0, "")
    assert out.startswith("no drift in the calls of ")


def test_the_page_shows_it() -> None:
    """What was called is text on it, whatever it looks like."""
    with (
        FakeProvider() as provider,
        Sidecar(f'[integrations.acme]\nbase_url = "{provider.url}"\n') as sidecar,
    ):
        call(sidecar, "GET", "/<script>")
        with urllib.request.urlopen(f"{sidecar.admin_url}/drift") as response:
            page = response.read().decode()
        with urllib.request.urlopen(f"{sidecar.admin_url}/api/drift") as response:
            told = json.load(response)

    assert "GET /&lt;script&gt; was called once and is not listed" in page
    assert "<script" not in page
    assert re.search(r"of the calls of \d+ s<", page)
    assert "name='viewport'" in page  # on a phone it is as wide as the phone
    assert told["findings"][0]["kind"] == "unlisted"


@pytest.mark.parametrize(
    ("time_s", "said"), [(0.2, "1 s"), (90, "90 s"), (7199, "2 hours"), (269123, "3 days")]
)
def test_a_time_is_said_in_its_largest_unit(time_s: float, said: str) -> None:
    """Whoever looks after a weekend does not count seconds."""
    assert about(time_s) == said


def test_nobody_runs(tmp_path: Path) -> None:
    """One line and exit code 2."""
    (tmp_path / "config.toml").write_text(f'[server]\nadmin = "unix:{tmp_path}/none.sock"\n')
    done = subprocess.run(
        [sys.executable, "-m", "outrider", "drift"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.endswith("does not answer; is `outrider run` running?\n")
