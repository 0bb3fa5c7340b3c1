"""The console in a real browser."""

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar

CONFIG = '[integrations.sandbox]\nprovider = "sandbox"\npurpose = "Trying Outrider"\nauth = { type = "bearer", token = "cmd:echo sandbox-key" }\n'
TROUBLE = """
[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}
breaker = {{ failures = 1, open = "1h" }}
status_page = {{ feed = "{url}/status" }}
on = {{ "5xx" = ["alert"] }}
"""
STATUS = {
    "status": {"indicator": "major", "description": "Outage"},
    "incidents": [{"name": "API <b>down</b>", "status": "identified", "impact": "major"}],
}


def rendered(sidecar: Sidecar, profile: Path) -> str:
    """Give the page as it is after a while."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            sidecar.admin_url + "/",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.long
def test_the_page_shows_the_integrations(tmp_path: Path) -> None:
    """It fills itself from /api/integrations, under a policy that allows no inline script."""
    with Sidecar(CONFIG) as sidecar:
        dom = rendered(sidecar, tmp_path)

    assert "Trying Outrider" in dom
    assert re.search(r"\d+\.\d+\.\d+ · up \d+ s", dom)


@pytest.mark.long
def test_the_page_shows_jobs(tmp_path: Path) -> None:
    """How many wait, and how many are dead letters."""
    with FakeProvider() as provider, Sidecar(TROUBLE.format(url=provider.url)) as sidecar:
        provider.reply(400)
        for headers in ({}, {"Outrider-Not-Before": "1h"}, {"Outrider-Not-Before": "1h"}):
            request = urllib.request.Request(
                f"{sidecar.url}/acme/x", b"", {"Prefer": "respond-async", **headers}
            )
            urllib.request.urlopen(request)
        sidecar.until_said("failed for good")
        dom = rendered(sidecar, tmp_path)

    assert '<td class="number bad">2<span class="more">1 failed</span></td>' in dom


@pytest.mark.long
def test_the_page_shows_trouble(tmp_path: Path) -> None:
    """Alerts, an open breaker, and what the provider's status page says."""
    with FakeProvider() as provider, Sidecar(TROUBLE.format(url=provider.url)) as sidecar:
        provider.reply(503)
        provider.reply(200, STATUS)
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{sidecar.url}/acme/x")
        sidecar.until_said("failed: 503; its provider says")
        dom = rendered(sidecar, tmp_path)

    assert '<li class="critical">acme: failed: 503' in dom
    assert "breaker open" in dom
    assert "its provider says: API down (major)" in dom
