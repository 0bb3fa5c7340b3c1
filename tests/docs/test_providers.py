"""docs/providers.md is made of the provider plugins."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_providers_is_up_to_date() -> None:
    """When this fails: outrider providers --markdown > docs/providers.md"""
    done = subprocess.run(
        [sys.executable, "-m", "outrider", "providers", "--markdown"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == (ROOT / "docs/providers.md").read_text()
