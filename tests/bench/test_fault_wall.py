"""The fault wall in short, as people start it; the whole takes three minutes (docs/resilience.md)."""

import subprocess
import sys
from pathlib import Path

import pytest

WALL = Path(__file__).resolve().parents[2] / "bench" / "fault_wall.py"


@pytest.mark.long
def test_nothing_is_done_twice_nothing_feigned_and_an_outage_gets_little_load() -> None:
    """Another seed each time; it is in what the run prints, and so in what a failure shows."""
    command = [sys.executable, str(WALL), "--seconds", "24"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout + done.stderr

    assert done.returncode == 0, said
    assert "| effects doubled | 0 |" in said
    assert "| bodies that looked complete and were not | 0 |" in said
