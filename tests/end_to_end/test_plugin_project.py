"""A plugin as its author makes it: a project of its own, installed with pip into a fresh environment."""

import http.client
import os
import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]

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


def test_a_plugin_is_installed_and_used(tmp_path: Path) -> None:
    """It gives a provider and a layer; `plugins` lists it with its version, `show` shows the layer."""
    from outrider.testing import FakeProvider

    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    project = tmp_path / "acme"
    (project / "outrider_acme").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT)
    with FakeProvider() as provider:
        (project / "outrider_acme" / "__init__.py").write_text(PLUGIN.replace("{port}", str(provider.port)))
        (tmp_path / "config.toml").write_text(CONFIG)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, str(ROOT), str(project)], check=True, capture_output=True)

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
