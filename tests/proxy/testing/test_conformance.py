"""The conformance kit finds what a provider plugin does wrong, and passes one that does nothing wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

from end_to_end.plugin import installed

GOOD = """
from outrider.plugin import Provider, Sign, hookimpl

class Acme(Provider):
    name = "acme"
    title = "Acme"
    base_url = "https://api.acme.example/v2"
    documentation = "https://acme.example/docs"
    as_of = "2026-11-23"
    auth = {"type": "headers"}
    secrets = {"fields.X-Acme-Id": "ACME_ID", "fields.X-Acme-Key": "ACME_KEY"}
    error = {"error": {"code": "{status}"}}
    limit_headers = {"X-RateLimit-Remaining": "3"}
    limit_signs = (Sign(403, field="Retry-After", words=("slow",)),)

@hookimpl
def outrider_providers():
    return [Acme]
"""
TESTS = """
from outrider.testing.conformance import Conformance

class TestAcme(Conformance):
    provider = "acme"
"""


def failures(tmp_path: Path, plugin: str) -> set[str]:
    """Run the kit as a plugin's author does; give the names of the tests that failed."""
    (tmp_path / "test_acme.py").write_text(TESTS)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            "-W",
            "error",
            "test_acme.py",
        ],
        cwd=tmp_path,
        env={**os.environ, **installed(tmp_path, plugin), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert " passed" in done.stdout, done.stdout + done.stderr
    return set(re.findall(r"FAILED \S+::test_(\w+)", done.stdout))


def test_a_good_plugin_passes(tmp_path: Path) -> None:
    """All of it, without a warning."""
    assert failures(tmp_path, GOOD) == set()


def test_mistakes_are_found(tmp_path: Path) -> None:
    """Each by the test that is about it."""
    bad = GOOD.replace('"X-RateLimit-Remaining": "3"', '"X-Left-Over": "3"')
    bad = bad.replace('title = "Acme"', 'sdk = "acme"')
    bad += """
def limited(self, response):
    return response.status in (404, 429)

def error_body(self, problem):
    return {"text": problem.detail, "code": problem.status if problem.integration == "unreachable" else "x"}

def retry_after(self, response):
    return -1.0

Acme.limited, Acme.error_body, Acme.retry_after = limited, error_body, retry_after
"""

    assert failures(tmp_path, bad) == {
        "it_says_where_its_facts_are_from",
        "it_says_how_to_point_its_sdk",
        "its_limit_fields_are_read",
        "its_limits_are_known_by_their_signs",
        "plain_responses_are_judged_plainly",
    }
