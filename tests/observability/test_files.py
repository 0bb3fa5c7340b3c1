"""The dashboard and the rules: made from what stands beside them, and about metrics that there are."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from outrider.testing import Sidecar

FOLDER = Path(__file__).parents[2] / "observability"
RULES = (FOLDER / "outrider.rules.yml").read_text()
TESTS = (FOLDER / "outrider.rules.test.yml").read_text()


def test_the_dashboard_is_what_its_script_makes() -> None:
    """Run `python observability/dashboard.py` after a change."""
    command = [sys.executable, str(FOLDER / "dashboard.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def panels() -> list[dict[str, Any]]:
    return json.loads((FOLDER / "dashboard.json").read_text())["panels"]  # type: ignore[no-any-return]


def test_no_panel_covers_another() -> None:
    """Each cell of the grid has one panel, and all of them stay within its width."""
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels())
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels()}) == len(panels())


@pytest.fixture(scope="module")
def scraped() -> str:
    """Give what `/metrics` has before any call: every family is there, many without a sample."""
    auth = '{ type = "bearer", token = "cmd:echo sandbox-key" }'
    with Sidecar(f'[integrations.sandbox]\nprovider = "sandbox"\nauth = {auth}\n') as sidecar:
        admin = urlsplit(sidecar.admin_url)
        connection = http.client.HTTPConnection(admin.hostname or "", admin.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
    return text


def test_they_ask_for_metrics_that_there_are(scraped: str) -> None:
    """By their full names, `_total` and `_bucket` included; recorded ones are in the rules."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    families = {family.name: family.type for family in text_string_to_metric_families(scraped)}
    known = {name + ending for name, kind in families.items() for ending in endings.get(kind, [])}
    known |= {*re.findall(r"record: (\S+)", RULES), "up"}
    expressions = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    expressions += re.findall(r"expr: (.+)", RULES)
    asked = {name for text in expressions for name in re.findall(r"\b(?:outrider|process)[a-z0-9_:]+", text)}

    assert asked - known == set()


def test_every_alert_has_a_test_and_says_what_to_do() -> None:
    """A unit test of promtool, a severity and a summary."""
    alerts = re.findall(r"alert: (\S+)", RULES)

    assert re.findall(r"- name: (Outrider\S+)", TESTS) == alerts
    assert len(re.findall(r"summary:", RULES)) == len(re.findall(r"severity:", RULES)) == len(alerts)


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "outrider.rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "outrider.rules.test.yml"),
    ],
)
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    """Syntax, and the unit test of each alert."""
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_promtool_reads_the_metrics(scraped: str) -> None:
    """Names, help and types are as Prometheus wants them."""
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=scraped, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
