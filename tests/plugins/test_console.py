"""The console in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from outrider.testing import Sidecar

CONFIG = '[integrations.sandbox]\nprovider = "sandbox"\npurpose = "Trying Outrider"\nauth = { type = "bearer", token = "cmd:echo sandbox-key" }\n'


@pytest.mark.long
def test_the_page_shows_the_integrations(tmp_path: Path) -> None:
    """It fills itself from /api/integrations, under a policy that allows no inline script."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    with Sidecar(CONFIG) as sidecar:
        dom = subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                f"--user-data-dir={tmp_path}",
                "--virtual-time-budget=3000",
                "--dump-dom",
                sidecar.admin_url + "/",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    assert "Trying Outrider" in dom
    assert re.search(r"\d+\.\d+\.\d+ · up \d+ s", dom)
