"""docs/integrations.md is made of config.toml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_integration_document_is_up_to_date() -> None:
    """When this fails: outrider docs --output docs/integrations.md"""
    done = subprocess.run(
        [sys.executable, "-m", "outrider", "docs", "--check", "docs/integrations.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
