"""docs/an-outage.md is what happens."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_the_story_goes_as_it_is_told() -> None:
    """When this fails: look at what differs, then python observability/outage.py"""
    command = [sys.executable, "observability/outage.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
