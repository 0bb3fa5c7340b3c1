"""What the program looks at before it serves, and what it waits for."""

import os
import subprocess
import sys
from pathlib import Path

from certificate import make_certificate
from outrider.testing import Sidecar

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[integrations.one]
provider = "sandbox"
auth = { type = "bearer", token = "file:TOKEN" }
"""


def outrider(folder: Path, *words: str, **env: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "outrider", *words]
    environ = {**os.environ, **env}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=30
    )
    return done.returncode, done.stdout + done.stderr


def test_it_does_not_serve_with_the_slow_parser(tmp_path: Path) -> None:
    """Python's parser of aiohttp lets through what the other refuses: one line, and exit code 2."""
    (tmp_path / "TOKEN").write_text("x")
    (tmp_path / "config.toml").write_text(CONFIG)

    code, said = outrider(tmp_path, "run", AIOHTTP_NO_EXTENSIONS="1")

    assert code == 2
    assert said.splitlines()[-1] == (
        "outrider: aiohttp runs without its C parser, which is not safe; "
        "install a wheel of aiohttp that has it, and unset AIOHTTP_NO_EXTENSIONS"
    )
    assert "Traceback" not in said


def test_check_warns_of_a_folder_that_anybody_writes_to(tmp_path: Path) -> None:
    """And does not refuse it."""
    (folder := tmp_path / "open").mkdir()
    (folder / "TOKEN").write_text("x")
    (folder / "TOKEN").chmod(0o600)
    (folder / "config.toml").write_text(CONFIG)
    folder.chmod(0o777)

    code, said = outrider(folder, "check")

    assert code == 0
    assert f"config.toml: note: the folder {folder} of " in said


def test_check_warns_of_a_key_that_others_may_read(tmp_path: Path) -> None:
    """Of TLS, the listeners' and an integration's alike; each file once."""
    cert, key = make_certificate(tmp_path)
    key.chmod(0o640)
    tls = f'tls = {{ cert = "{cert}", key = "key.pem" }}'
    text = f'[server]\n{tls}\n[integrations.a]\nbase_url = "https://a.example"\n{tls}\nauth.type = "none"\n'
    (tmp_path / "config.toml").write_text(text)

    code, said = outrider(tmp_path, "check")

    assert code == 0
    assert said.count("key.pem may be read by others; chmod 600 it") == 1


def test_a_refused_file_is_read_again_when_its_secret_appears(tmp_path: Path) -> None:
    """Nobody has to touch the configuration a second time."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("sandbox-key")
    with Sidecar(CONFIG.replace("TOKEN", str(first))) as sidecar:
        more = CONFIG.replace("TOKEN", str(second)).replace("integrations.one", "integrations.two")
        sidecar.write(more)
        sidecar.until_said("the configuration was not reloaded")
        second.write_text("sandbox-key")
        sidecar.until_said("the configuration was reloaded: two", timeout_s=15)
