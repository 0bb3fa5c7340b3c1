"""The documents say what is so: hooks, keys, links and examples."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from outrider import hookspecs
from outrider.config import (
    Breaker,
    Client,
    Document,
    Fallback,
    IntegrationConfig,
    Jobs,
    Limit,
    Message,
    Retry,
    Server,
    ServerTls,
    Timeout,
    Tls,
)
from outrider.registry import Registry
from outrider_plugins.auth import Basic, Bearer, GitHubApp, GoogleAccount, Header, Query

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
BLOCKS = re.findall(r"```python file=(\S+)\n(.*?)```", (ROOT / "docs/plugins.md").read_text(), re.DOTALL)
MODELS = [
    Breaker,
    Client,
    Document,
    Fallback,
    IntegrationConfig,
    Jobs,
    Limit,
    Message,
    Retry,
    Server,
    ServerTls,
    Timeout,
    Tls,
    Basic,
    Bearer,
    Header,
    Query,
    GitHubApp,
    GoogleAccount,
]


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("outrider_")])
def test_every_hook_has_a_heading(hook: str) -> None:
    """A hook that is not documented is not there."""
    assert re.search(rf"^### `{hook}\(", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type) -> None:
    """Each key of each table stands in docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text()
    made_by_us = (
        {"name", "auth_type", "limits_of_plan", "tables", "auth"} if model is IntegrationConfig else set()
    )

    assert [key for key in model.model_fields if key not in made_by_us and f"`{key}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links and their anchors exist."""
    for target in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        name, anchor = target
        if "://" in name:
            continue
        file = page.parent / name if name else page
        assert file.exists(), name
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor else []
        slugs = [re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings]
        assert not anchor or anchor in slugs, anchor


@pytest.mark.parametrize(("name", "code"), [block for block in BLOCKS if not block[0].startswith("test_")])
def test_the_examples_are_plugins(name: str, code: str, tmp_path: Path) -> None:
    """Each module of docs/plugins.md registers and gives something."""
    path = tmp_path / name
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    registry = Registry([(path.stem, "1.0", module, False)])

    assert registry.given_by(path.stem)


@pytest.mark.parametrize(("name", "code"), [block for block in BLOCKS if block[0].startswith("test_")])
def test_the_example_test_passes(name: str, code: str, tmp_path: Path) -> None:
    """The test of docs/plugins.md is one."""
    (tmp_path / name).write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
