"""The command line: what it prints, and with which exit code it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

from outrider import __version__
from outrider.cli import cli
from outrider.registry import Registry, load_plugins
from outrider.testing import FakeProvider

GOOD = """
[integrations.acme]
base_url = "https://api.acme.example/v1"
auth = { type = "bearer", token = "env:OUTRIDER_TEST_UNSET" }
[integrations.box]
provider = "sandbox"
endpoints_only = true
endpoints = [{ call = "GET /v1/charges" }]
auth = { type = "bearer", token = "cmd:echo sandbox-key" }
[integrations.later]
base_url = "https://later.example"
status = "draft"
auth = { type = "bearer", token = "env:OUTRIDER_TEST_UNSET" }
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    yield path


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTRIDER_TEST_UNSET", raising=False)


def outrider(registry: Registry, *words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], obj=registry, catch_exceptions=False)


def program(*words: str, folder: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "outrider", *words],
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


def test_check_finds_nothing(registry: Registry, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so in one line and ends with 0."""
    monkeypatch.setenv("OUTRIDER_TEST_UNSET", "s3cret")

    done = outrider(registry, "check", "--config", file)

    assert (done.exit_code, done.stdout) == (0, f"{file}: no problems in 3 integrations\n")


def test_check_without_secrets_asks_for_none(registry: Registry, file: Path) -> None:
    """A pipeline that builds an image has no keys."""
    done = outrider(registry, "check", "--no-secrets", "--config", file)

    assert (done.exit_code, done.stdout) == (0, f"{file}: no problems in 3 integrations\n")


def test_check_tells_what_sleeps(registry: Registry, file: Path) -> None:
    """A draft without its secret is no problem, and not forgotten."""
    file.write_text(GOOD[GOOD.index("[integrations.box]") :])

    done = outrider(registry, "check", "--config", file)

    assert (done.exit_code, done.stdout) == (
        0,
        f"{file}: no problems in 2 integrations; later is a draft without a secret, and not routed\n",
    )


def test_check_finds_a_missing_secret(registry: Registry, file: Path) -> None:
    """The line, the key and the remedy; exit code 2."""
    done = outrider(registry, "check", "--config", file)

    assert (done.exit_code, done.stdout) == (
        2,
        f"{file}:4: integrations.acme.auth.token: no secret; set OUTRIDER_TEST_UNSET\n",
    )


def test_check_lists_problems_of_every_kind_at_once(registry: Registry, file: Path) -> None:
    """An unknown key does not hide a missing secret or a missing file (DESIGN.md: every problem)."""
    file.write_text(GOOD.replace("endpoints_only", "endpoint_only") + 'tls = { ca = "nope.pem" }\n')

    done = outrider(registry, "check", "--config", file)

    assert done.exit_code == 2
    assert [line.removeprefix(f"{file}:").partition(":")[0] for line in done.stdout.splitlines()] == [
        "4",
        "7",
        "14",
    ]


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        ('[integrations.t]\nbase_url = "https://t.example"\ntls = { ca = "nope.pem" }\n', "nope.pem"),
        (
            '[integrations.t]\nbase_url = "https://t.example"\n'
            'tls = { cert = "config.toml", key = "config.toml" }\n',
            "config.toml",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "show"])
def test_a_file_that_cannot_be_used_is_a_problem(
    registry: Registry, file: Path, command: str, addition: str, said: str
) -> None:
    """An integration that cannot be compiled is never left out in silence."""
    file.write_text(addition)

    done = outrider(registry, command, "--config", file)

    assert done.exit_code == 2
    assert done.stdout.startswith(f"{file}:")
    assert said in done.stdout


def test_check_prints_notes(registry: Registry, file: Path) -> None:
    """What is right and does nothing yet is said, and no problem."""
    file.write_text('[integrations.a]\nbase_url = "https://a.example"\nretry = { attempts = 3 }\n')

    done = outrider(registry, "check", "--config", file)

    assert done.exit_code == 0
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [f"{file}:3", str(file)]


def test_check_gives_a_schema_that_an_editor_can_use(registry: Registry, tmp_path: Path) -> None:
    """Valid JSON Schema, without a configuration; it knows what plugins give."""
    done = outrider(registry, "check", "--schema", "--config", tmp_path / "none.toml")
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    good = {"integrations": {"a": {"provider": "stripe", "auth": {"type": "bearer", "token": "env:A"}}}}
    bad = {"integrations": {"a": {"provider": "stripe", "atuh": {}}}}
    assert (validator.is_valid(good), validator.is_valid(bad), done.exit_code) == (True, False, 0)


def test_show_prints_one_line_for_each_stack(registry: Registry, file: Path) -> None:
    """Aligned, outermost first; it asks for no secret, so drafts are there too."""
    done = outrider(registry, "show", "--config", file)

    assert (done.exit_code, done.stdout) == (
        0,
        "acme   auth(bearer) > https://api.acme.example/v1\n"
        "box    admit(endpoints) > auth(bearer) > inside outrider\n"
        "later  auth(bearer) > https://later.example\n",
    )


def test_plugins_lists_what_each_gives(registry: Registry) -> None:
    """With versions; a line is never broken where it goes into a pipe."""
    done = outrider(registry, "plugins")
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]

    assert done.exit_code == 0
    assert rows[0] == ["plugin", "version", "gives"]
    assert ["stripe", __version__, "provider stripe"] in [[cell.strip() for cell in row] for row in rows]
    assert len(rows) == 1 + len(registry.plugins)


def test_health_asks_the_admin_listener(registry: Registry, tmp_path: Path) -> None:
    """0 when it answers well, 1 when it does not; a container's health check needs no curl."""
    file = tmp_path / "config.toml"
    with FakeProvider() as admin:
        file.write_text(f'[server]\nadmin = "127.0.0.1:{admin.port}"\n')
        admin.reply(200)
        admin.reply(500)
        codes = [outrider(registry, "health", "--config", file).exit_code for _ in range(2)]
    gone = outrider(registry, "health", "--config", file)

    assert [*codes, gone.exit_code] == [0, 1, 1]
    assert gone.stderr == f"outrider: the admin listener at 127.0.0.1:{admin.port} does not answer\n"
    assert [request.target for request in admin.requests] == ["/healthz", "/healthz"]


def test_health_of_a_socket_that_is_not_there(registry: Registry, tmp_path: Path) -> None:
    """Nothing is left open behind it."""
    file = tmp_path / "config.toml"
    file.write_text(f'[server]\nadmin = "unix:{tmp_path}/none.sock"\n')

    assert outrider(registry, "health", "--config", file).exit_code == 1


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """`config.toml` is the default; the real program ends with 2 and no traceback."""
    code, out, err = program("check", folder=tmp_path)

    assert (code, err) == (2, "")
    assert out.startswith("config.toml:1: there is no such file")


def test_run_refuses_what_check_refuses(tmp_path: Path) -> None:
    """With the same words, before anything listens."""
    (tmp_path / "config.toml").write_text(GOOD)

    assert program("run", folder=tmp_path)[:2] == program("check", folder=tmp_path)[:2]
    assert program("run", folder=tmp_path)[0] == 2


def test_a_broken_plugin_is_one_line(tmp_path: Path) -> None:
    """Whoever installed it reads its name, not a traceback."""
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[outrider]\nacme = acme_plugin\n")
    (tmp_path / "acme_plugin.py").write_text("import does_not_exist\n")

    code, out, err = program("plugins", folder=tmp_path, env={"PYTHONPATH": str(tmp_path)})

    assert (code, out) == (2, "")
    assert err == (
        "outrider: plugin 'acme': importing it raised ModuleNotFoundError: No module named 'does_not_exist'\n"
    )


def test_the_version(tmp_path: Path) -> None:
    """For bug reports."""
    assert program("--version", folder=tmp_path) == (0, f"outrider {__version__}\n", "")


def test_every_command_takes_a_config() -> None:
    """`--config config.toml`, everywhere (DESIGN.md, "The command line")."""
    assert isinstance(cli, click.Group)

    without = [
        name
        for name, command in cli.commands.items()
        if not any("--config" in option.opts for option in command.params)
    ]
    assert without == []
