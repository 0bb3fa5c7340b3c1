"""Compiling: every problem at once, and no table where there is one."""

import gc
import weakref
from pathlib import Path

from outrider.compile import Compiler
from outrider.registry import load_plugins

CONFIG = """
[clients.shop]
token = "env:OUTRIDER_TEST_NOBODY_SETS_THIS"
[integrations.a]
base_url = "https://a.example"
auth = { type = "bearer", token = "env:OUTRIDER_TEST_NOBODY_SETS_THIS" }
[integrations.b]
base_url = "https://b.example"
tls = { ca = "nope.pem" }
[integrations.c]
base_url = "https://c.example"
status = "draft"
auth = { type = "bearer", token = "env:OUTRIDER_TEST_NOBODY_SETS_THIS" }
[integrations.d]
base_url = "https://d.example"
auth = { type = "header", name = "X-Key", value = "cmd:echo k" }
"""


def test_every_problem_at_once(tmp_path: Path) -> None:
    """Secrets of clients and integrations and a file that is not there, by line; a draft is no problem."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)

    compiled = Compiler(path, load_plugins()).compile()

    assert compiled.table is None
    assert [(problem.line, problem.where) for problem in compiled.problems] == [
        (3, "clients.shop.token"),
        (6, "integrations.a.auth.token"),
        (9, "integrations.b.tls.ca"),
    ]


def test_without_secrets_the_rest_is_checked(tmp_path: Path) -> None:
    """`--no-secrets` asks for none, and still finds what else is wrong."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)

    compiled = Compiler(path, load_plugins(), secrets=False).compile()

    assert compiled.table is None
    assert [problem.where for problem in compiled.problems] == ["integrations.b.tls.ca"]


def test_what_is_compiled(tmp_path: Path) -> None:
    """A draft without its secret is known and not routed."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG[CONFIG.index("[integrations.c]") :])

    compiled = Compiler(path, load_plugins()).compile()

    assert compiled.problems == []
    assert compiled.table is not None
    assert compiled.names == ["c", "d"]
    assert list(compiled.table.integrations) == ["d"]
    assert (
        compiled.table.integrations["d"].describe()
        == "admit(jobs) > retry(4 attempts) > limit(limits) > auth(header) > https://d.example"
    )


def test_a_table_that_was_replaced_is_let_go(tmp_path: Path) -> None:
    """No plugin keeps the targets of an old configuration alive."""
    path = tmp_path / "config.toml"
    path.write_text('[integrations.a]\nbase_url = "https://a.example"\nauth = { type = "none" }\n')
    compiled = Compiler(path, load_plugins()).compile()
    assert compiled.table is not None
    target = weakref.ref(compiled.table.integrations["a"].target)

    del compiled
    gc.collect()

    assert target() is None
