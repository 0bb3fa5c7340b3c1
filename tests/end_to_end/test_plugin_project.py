"""A plugin as its author makes it: a project of its own, installed with pip into a fresh environment."""

import http.client
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTRIDER = str(Path(sys.executable).with_name("outrider"))

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "outrider-acme"
version = "1.2.3"
dependencies = ["outrider"]
[project.entry-points.outrider]
acme = "outrider_acme"
"""
PLUGIN = """
from outrider.plugin import Layer, Provider, Stage, hookimpl

OUTRIDER_API = 1

class Acme(Provider):
    name = "acme"
    base_url = "http://127.0.0.1:{port}"

@hookimpl
def outrider_providers():
    return [Acme]

@hookimpl
def outrider_target_layers(target):
    def wrap(send):
        async def greeted(attempt):
            attempt.headers.set("X-Greeting", "hello")
            return await send(attempt)
        return greeted
    return [Layer(stage=Stage.LIMIT, wrap=wrap)]
"""
CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[integrations.acme]
provider = "acme"
auth = { type = "bearer", token = "env:ACME_KEY" }
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Outrider in it, and nothing of ours beside."""
    made = tmp_path_factory.mktemp("environment")
    venv.create(made, with_pip=True)
    _pip(made, str(ROOT))
    return made


def _pip(environment: Path, *what: str) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", *what], check=True, capture_output=True)


def test_a_plugin_is_installed_and_used(environment: Path, tmp_path: Path) -> None:
    """It gives a provider and a layer; `plugins` lists it with its version, `show` shows the layer."""
    from outrider.testing import FakeProvider

    project = tmp_path / "acme"
    (project / "outrider_acme").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT)
    with FakeProvider() as provider:
        (project / "outrider_acme" / "__init__.py").write_text(PLUGIN.replace("{port}", str(provider.port)))
        (tmp_path / "config.toml").write_text(CONFIG)
        _pip(environment, str(project))

        def outrider(*words: str) -> str:
            done = subprocess.run(
                [str(environment / "bin" / "outrider"), *words],
                cwd=tmp_path,
                env={**os.environ, "ACME_KEY": "acme-secret"},
                capture_output=True,
                text=True,
                check=True,
            )
            return done.stdout

        assert "acme" in outrider("plugins")
        assert "1.2.3" in outrider("plugins")
        assert "limit(acme) > auth(bearer)" in outrider("show")
        running = subprocess.Popen(
            [str(environment / "bin" / "outrider"), "run"],
            cwd=tmp_path,
            env={**os.environ, "ACME_KEY": "acme-secret"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert running.stdout is not None
            port = int(running.stdout.readline().rpartition(":")[2])
            running.stdout.readline()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/acme/v1/things")
            assert connection.getresponse().status == 200
            connection.close()
        finally:
            running.terminate()
            assert running.wait(10) == 0
            running.stdout.close()

    (request,) = provider.requests
    assert request.values("X-Greeting") == ["hello"]
    assert request.values("Authorization") == ["Bearer acme-secret"]


def test_a_new_plugin_passes_its_tests(environment: Path, tmp_path: Path) -> None:
    """`outrider new plugin` makes a project that installs, is listed, and passes; nothing is overwritten."""
    outrider = str(environment / "bin" / "outrider")
    made = subprocess.run(
        [outrider, "new", "plugin", "acme-mail"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    project = tmp_path / "outrider-acme-mail"
    _pip(environment, "--editable", f"{project}[test]")
    tested = subprocess.run(
        [str(environment / "bin" / "python"), "-m", "pytest", "-q"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    again = subprocess.run(
        [outrider, "new", "plugin", "acme-mail"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "pip install --editable '.[test]'" in made.stdout
    assert tested.returncode == 0, tested.stdout
    assert int(re.findall(r"(\d+) passed", tested.stdout)[0]) > 15
    assert again.returncode == 2
    assert "gives a provider 'acme-mail' already" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Acme!"], "'Acme!' cannot name a plugin"),
        (["class"], "'class' cannot name a plugin"),
        (["stripe"], "gives a provider 'stripe' already"),
        (["outrider-there"], "outrider-there is there already"),
        (["other", "--into", "file/below"], "cannot be written"),
    ],
)
def test_a_name_that_cannot_be(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused in one line, and nothing is written."""
    (tmp_path / "outrider-there").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run([OUTRIDER, "new", "plugin", *words], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert {path.name for path in tmp_path.rglob("*")} == {"outrider-there", "file"}
