"""The example of the README runs, as a user runs it."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples/orders.py"


def test_orders_are_taken_while_the_provider_is_down() -> None:
    """Each is paid in the end, once."""
    ended = subprocess.run(
        [sys.executable, str(EXAMPLE)], capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("'pending'") == 3
    assert "a chair, a desk, a lamp, a pen; none twice" in ended.stdout
