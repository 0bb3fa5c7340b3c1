"""What commands have in common: finding the Outrider that runs, and asking it."""

from pathlib import Path

import pytest

from outrider.commands import Running
from outrider.errors import StartError
from outrider.registry import Registry
from outrider.state import StateDir
from outrider.testing import FakeProvider, Sidecar


def running(folder: Path, server: str) -> Running:
    (folder / "config.toml").write_text(f"[server]\n{server}\n")
    return Running.of(Registry([]), folder / "config.toml")


def test_it_asks_with_the_admin_token(tmp_path: Path) -> None:
    """The token is read where the file says, and sent as a Bearer."""
    (tmp_path / "token").write_text("s3cret\n")
    with FakeProvider() as admin:
        admin.reply(200, body=b"[]")
        asked = running(tmp_path, f'admin = "127.0.0.1:{admin.port}"\nadmin_token = "file:token"')
        with asked.get("/api/drift") as response:
            body = response.read()

    assert body == b"[]"
    assert admin.requests[0].target == "/api/drift"
    assert admin.requests[0].values("Authorization") == ["Bearer s3cret"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"detail": "jobs cannot be kept for now: disk is full"}',
            "503: jobs cannot be kept for now: disk",
        ),
        (b"[]", "503$"),
        (b"not JSON", "503$"),
    ],
)
def test_it_cannot_do_it(tmp_path: Path, body: bytes, said: str) -> None:
    """With the reason that it gives, where it gives one."""
    with FakeProvider() as admin:
        admin.reply(503, body)
        with (
            pytest.raises(StartError, match=f"answered {said}"),
            running(tmp_path, f'admin = "127.0.0.1:{admin.port}"').ask("POST", "/api/jobs/purge"),
        ):
            pass


def test_nobody_runs(tmp_path: Path) -> None:
    """One line says where it was looked for, and what to do."""
    said = r"unix:none\.sock does not answer; is `outrider run` running\?"

    with (
        pytest.raises(StartError, match=said),
        running(tmp_path, 'admin = "unix:none.sock"').get("/"),
    ):
        pass


def test_a_token_that_is_not_there(tmp_path: Path) -> None:
    """The key and the remedy, as for any secret."""
    with (
        pytest.raises(StartError, match=r"server\.admin_token: .*OUTRIDER_NO_SUCH"),
        running(tmp_path, 'admin_token = "env:OUTRIDER_NO_SUCH"').get("/"),
    ):
        pass


def test_a_file_with_problems(tmp_path: Path) -> None:
    """It is told as `check` would."""
    with pytest.raises(StartError, match=r"config\.toml:2: server\.admn: unknown key"):
        running(tmp_path, 'admn = "127.0.0.1:1"')


def test_a_port_that_was_free_is_found(tmp_path: Path) -> None:
    """The file says port 0; the one that was taken stands in the state directory."""
    with FakeProvider() as admin:
        admin.reply(200, body=b"[]")
        state = StateDir(tmp_path / ".outrider")
        state.open()
        state.tell(f"127.0.0.1:{admin.port}")
        with running(tmp_path, 'admin = "127.0.0.1:0"').get("/api/drift") as response:
            body = response.read()
        state.close()

    assert body == b"[]"


def test_the_commands_find_a_sidecar_on_a_free_port() -> None:
    """The real program, which took one."""
    with Sidecar("") as sidecar:
        text = sidecar.config_path.read_text()
        asked = Running.of(Registry([]), sidecar.config_path)
        with asked.get("/readyz") as response:
            body = response.read()

    assert 'admin = "127.0.0.1:0"' in text
    assert b"ready" in body
