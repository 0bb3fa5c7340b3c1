"""What the README says of SDKs is what their plugins say, and what `make test-sdks` runs."""

from pathlib import Path

from outrider.registry import load_plugins

README = Path(__file__).parents[2] / "README.md"


def test_the_lines_for_sdks_are_those_of_the_plugins() -> None:
    """A row for every provider that has a line, and no other."""
    rows = {
        f"| {one.title} | `{one.point_sdk(f'http://127.0.0.1:8080/{name}', f'http://{name}.localhost:8080')}` |"
        for name, one in load_plugins().providers.items()
        if one.sdk_setup
    }
    table = README.read_text().partition("## Connect your SDK")[2].partition("| anything else |")[0]

    assert {line for line in table.splitlines() if line.startswith("| ") and "`" in line} == rows
