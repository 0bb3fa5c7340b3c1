"""The console in a real browser."""

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from importlib.resources import files
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


def luminance(colour: str) -> float:
    """Give the relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2)."""
    digits = colour.removeprefix("#")
    pairs = [two * 2 for two in digits] if len(digits) == 3 else re.findall("..", digits)
    parts = [int(pair, 16) / 255 for pair in pairs]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("scheme", "page"), [("light", "#fff"), ("dark", "#121212")])
def test_every_text_can_be_read(scheme: str, page: str) -> None:
    """By day and by night its contrast is 4.5 at least (WCAG 2.2, 1.4.3); the pages are Chromium's own."""
    css = files("outrider_plugins").joinpath("console_static/console.css").read_text()
    by_day, by_night = re.findall(r":root \{(.*?)\}", css)
    colours = dict(re.findall(r"--(\w+): (#\w+)", by_day))
    if scheme == "dark":
        colours |= dict(re.findall(r"--(\w+): (#\w+)", by_night))
    contrasts = {}
    for name in ("quiet", "bad"):
        dark, light = sorted((luminance(colours[name]), luminance(page)))
        contrasts[name] = (light + 0.05) / (dark + 0.05)

    assert min(contrasts.values()) >= 4.5, contrasts
