"""The command line: what the real program prints, and with which exit code it ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import jsonschema
import pytest

from outrider import __version__
from outrider.cli import cli
from outrider.registry import load_plugins
from outrider.testing import FakeProvider

GOOD = """
[integrations.acme]
base_url = "https://api.acme.example/v1"
auth = { type = "bearer", token = "env:OUTRIDER_TEST_KEY" }
[integrations.box]
provider = "sandbox"
endpoints_only = true
endpoints = [{ call = "GET /v1/charges" }]
auth = { type = "bearer", token = "cmd:echo sandbox-key" }
[integrations.later]
base_url = "https://later.example"
status = "draft"
auth = { type = "bearer", token = "env:OUTRIDER_TEST_KEY" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(GOOD)
    return tmp_path


def outrider(folder: Path, *words: str, **env: str) -> tuple[int, str, str]:
    """Run `outrider` in a folder; its exit code, stdout and stderr."""
    inherited = {name: value for name, value in os.environ.items() if name != "OUTRIDER_TEST_KEY"}
    done = subprocess.run(
        [sys.executable, "-m", "outrider", *words],
        cwd=folder,
        env=inherited | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_check_says_that_nothing_is_wrong(folder: Path) -> None:
    """In one line, by the name that the file has for the user; with `--no-secrets` it asks for none."""
    said = (0, "config.toml: no problems in 3 integrations\n", "")

    assert outrider(folder, "check", OUTRIDER_TEST_KEY="s3cret") == said
    assert outrider(folder, "check", "--no-secrets") == said


def test_check_tells_what_sleeps(folder: Path) -> None:
    """A draft without its secret is no problem, and not forgotten."""
    (folder / "other.toml").write_text(GOOD[GOOD.index("[integrations.box]") :])

    assert outrider(folder, "check", "--config", "other.toml") == (
        0,
        "other.toml: no problems in 2 integrations; later is a draft without a secret, and not routed\n",
        "",
    )


def test_check_finds_a_missing_secret(folder: Path) -> None:
    """The line, the key and the remedy, on stdout; exit code 2."""
    assert outrider(folder, "check") == (
        2,
        "config.toml:4: integrations.acme.auth.token: no secret; set OUTRIDER_TEST_KEY\n",
        "",
    )


@pytest.mark.parametrize("command", ["check", "show", "run"])
def test_a_missing_file_is_one_line(tmp_path: Path, command: str) -> None:
    """`config.toml` is the default; on stdout `run` prints nothing but where it listens."""
    code, out, err = outrider(tmp_path, command)
    said, silent = (err, out) if command == "run" else (out, err)

    assert (code, silent) == (2, "")
    assert said == "config.toml:1: there is no such file; write it, or name another with --config\n"


@pytest.mark.parametrize(
    ("tls", "said"),
    [('ca = "nope.pem"', "nope.pem"), ('cert = "config.toml", key = "config.toml"', "config.toml")],
)
def test_a_certificate_that_cannot_be_used_is_a_problem(folder: Path, tls: str, said: str) -> None:
    """An integration that cannot be compiled is never left out in silence."""
    text = f'[integrations.acme]\nbase_url = "https://acme.example"\ntls = {{ {tls} }}\n'
    (folder / "config.toml").write_text(text)

    code, out, err = outrider(folder, "check")

    assert (code, err, out.count("\n")) == (2, "", 1)
    assert out.startswith("config.toml:3: integrations.acme.tls.")
    assert said in out.partition("integrations.acme.tls")[2]


def test_check_gives_a_schema_that_an_editor_can_use(tmp_path: Path) -> None:
    """Valid JSON Schema, without a configuration; it knows what plugins give."""
    code, out, err = outrider(tmp_path, "check", "--schema")
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    good = {"integrations": {"a": {"provider": "stripe", "auth": {"type": "bearer", "token": "env:A"}}}}
    bad = {"integrations": {"a": {"provider": "stripe", "atuh": {}}}}
    assert (code, err) == (0, "")
    assert (validator.is_valid(good), validator.is_valid(bad)) == (True, False)


def test_show_prints_one_line_for_each_stack(folder: Path) -> None:
    """Aligned, outermost first, up to where it sends to; it asks for no secret, so drafts are there too."""
    code, out, err = outrider(folder, "show")

    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert [line[:7] for line in lines] == ["acme   ", "box    ", "later  "]
    assert [line.rpartition(" > ")[2] for line in lines] == [
        "https://api.acme.example/v1",
        "inside outrider",
        "https://later.example",
    ]
    box = lines[1][7:].split(" > ")
    assert box.index("admit(endpoints)") < box.index("auth(bearer)")


def test_plugins_lists_what_each_gives(tmp_path: Path) -> None:
    """With versions, one line each, without a configuration."""
    code, out, err = outrider(tmp_path, "plugins")

    rows = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert rows[0] == ["plugin", "version", "gives", "used by"]
    (given,) = (row[2] for row in rows if row[:2] == ["providers", __version__])
    assert given.startswith("providers ")
    assert {"openai", "stripe"} <= set(given.removeprefix("providers ").split(", "))
    assert ["sandbox", __version__] in [row[:2] for row in rows]


def test_plugins_says_who_uses_each(tmp_path: Path) -> None:
    """By its provider, auth type, table or layer; what listens to all is told too."""
    (tmp_path / "config.toml").write_text(
        '[integrations.one]\nprovider = "stripe"\nauth = { token = "env:K" }\n'
        '[integrations.two]\nbase_url = "https://two.example"\nbreaker = {}\n'
    )
    _, out, _ = outrider(tmp_path, "plugins")

    used = {row[0]: row[3] for row in (re.split(r"\s{2,}", line.strip()) for line in out.splitlines())}
    assert (used["providers"], used["breaker"], used["retry"]) == ("one", "two", "every integration")
    assert (used["metrics"], used["sandbox"]) == ("events of all", "-")


def test_health_asks_the_admin_listener(folder: Path) -> None:
    """0 when it answers well; 1 and one line when it does not: a container's health check needs no curl."""
    with FakeProvider() as admin:
        (folder / "config.toml").write_text(f'[server]\nadmin = "127.0.0.1:{admin.port}"\n')
        admin.reply(200)
        admin.reply(503)
        ended = [outrider(folder, "health") for _ in range(2)]
    ended.append(outrider(folder, "health"))

    silent = f"outrider: the admin listener at 127.0.0.1:{admin.port} does not answer\n"
    assert ended == [(0, "", ""), (1, "", silent), (1, "", silent)]
    assert [request.target for request in admin.requests] == ["/healthz", "/healthz"]


def test_health_of_a_socket_that_is_not_there(folder: Path) -> None:
    """The address is named as the file has it."""
    (folder / "config.toml").write_text('[server]\nadmin = "unix:none.sock"\n')

    code, out, err = outrider(folder, "health")

    assert (code, out) == (1, "")
    assert err == "outrider: the admin listener at unix:none.sock does not answer\n"


def install(folder: Path, name: str, text: str) -> None:
    """Put a plugin where PYTHONPATH finds it, as pip would."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[outrider]\n{name} = {name}_plugin\n")
    (folder / f"{name}_plugin.py").write_text(text)


def test_a_plugin_that_makes_no_sense_is_one_line(tmp_path: Path) -> None:
    """Whoever installed it reads its name and what is wrong, not a traceback; nothing runs with it."""
    install(tmp_path, "acme", "def outrider_provider(): ...\n")

    assert outrider(tmp_path, "plugins", PYTHONPATH=str(tmp_path)) == (
        2,
        "",
        "outrider: plugin 'acme': there is no hook 'outrider_provider'; did you mean 'outrider_providers'?\n",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import does_not_exist\n",
            "importing it raised ModuleNotFoundError: No module named 'does_not_exist'",
        ),
        (
            "from outrider.plugin import hookimpl\n@hookimpl\ndef outrider_commands(cli): 1 // 0\n",
            "outrider_commands raised ZeroDivisionError: integer division or modulo by zero",
        ),
        (
            "from outrider.plugin import hookimpl\n@hookimpl\ndef outrider_commands(cli):\n"
            "    @cli.command()\n    def check(): pass\n",
            "there is a command 'check' already; give its own another name",
        ),
    ],
)
def test_a_plugin_that_fails_is_left_out(tmp_path: Path, text: str, said: str) -> None:
    """It is named, and nobody else is hurt; a configuration that needs it has a problem."""
    install(tmp_path, "acme", text)
    (tmp_path / "config.toml").write_text('[integrations.a]\nbase_url = "https://a.example"\n')
    listed = outrider(tmp_path, "plugins", PYTHONPATH=str(tmp_path))
    unneeded = outrider(tmp_path, "check", PYTHONPATH=str(tmp_path))
    (tmp_path / "config.toml").write_text('[integrations.a]\nprovider = "acme"\n')
    needed = outrider(tmp_path, "check", PYTHONPATH=str(tmp_path))

    line = f"outrider: plugin 'acme' did not load, and is left out: {said}\n"
    assert (listed[0], listed[2]) == (0, line)
    assert f"did not load: {said}" in listed[1]
    assert (unneeded[0], unneeded[2]) == (0, line)
    assert (needed[0], needed[2]) == (2, line)
    assert "config.toml:2: integrations.a.provider: " in needed[1]


def test_a_plugin_can_add_a_command(tmp_path: Path) -> None:
    """It is one of ours from then on, its exit code too."""
    text = (
        "import sys\nfrom outrider.plugin import hookimpl\n\n"
        "@hookimpl\ndef outrider_commands(cli):\n"
        "    @cli.command()\n    def greet():\n        print('hello')\n        sys.exit(1)\n"
    )
    install(tmp_path, "acme", text)

    assert outrider(tmp_path, "greet", PYTHONPATH=str(tmp_path)) == (1, "hello\n", "")


@pytest.mark.parametrize("words", [("chek",), ("check", "--confg", "x")])
def test_a_slip_of_the_keyboard_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Exit code 2, how it is used on stderr, and no traceback."""
    code, out, err = outrider(tmp_path, *words)

    assert (code, out) == (2, "")
    assert err.startswith("Usage: outrider ")
    assert "Traceback" not in err


def test_the_version(tmp_path: Path) -> None:
    """For bug reports."""
    assert outrider(tmp_path, "--version") == (0, f"outrider {__version__}\n", "")


def test_every_command_takes_a_config() -> None:
    """`--config config.toml`, everywhere: the plugins' too, and theirs below."""
    group = click.Group(commands=dict(cli.commands))
    load_plugins().spare("outrider_commands", cli=group)
    commands = dict(group.commands)
    for name, each in group.commands.items():
        if isinstance(each, click.Group):
            commands |= {f"{name} {below}": one for below, one in each.commands.items()}
    taken = {name: [opt for one in each.params for opt in one.opts] for name, each in commands.items()}

    assert {"run", "jobs", "jobs list", "doctor", "new", "new plugin"} < taken.keys()
    assert [name for name, options in taken.items() if "--config" not in options] == []


def test_a_missing_secret_is_told_beside_other_problems(folder: Path) -> None:
    """A slip in one place hides no secret that another table lacks."""
    (folder / "config.toml").write_text(GOOD.replace("endpoints_only", "endpoint_only"))

    code, out, err = outrider(folder, "check")

    assert (code, err) == (2, "")
    assert [line.split(": ")[:2] for line in out.splitlines()] == [
        ["config.toml:4", "integrations.acme.auth.token"],
        ["config.toml:7", "integrations.box.endpoint_only"],
    ]


@pytest.mark.parametrize("module", ["rich", "tomlkit", "botocore", "google.auth"])
def test_what_serves_does_not_load_what_only_commands_need(module: str) -> None:
    """Each is megabytes of memory at rest."""
    code = f"""
import sys
from outrider.cli import cli
from outrider.registry import load_plugins
for _ in load_plugins().call("outrider_commands", cli=cli):
    pass
sys.exit({module!r} in sys.modules)
"""

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
