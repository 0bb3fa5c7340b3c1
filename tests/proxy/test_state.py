"""The state directory: for this user and one process, with the token that a change needs."""

import logging
import os
from pathlib import Path

import pytest

from outrider.errors import StartError, Unavailable
from outrider.state import StateDir, make_folder


def test_it_is_for_this_user_alone(tmp_path: Path) -> None:
    """0700, what is in it 0600, whatever the umask."""
    before = os.umask(0)
    try:
        state = StateDir(tmp_path / "a/state")
        state.open()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in state.path.iterdir()}
    state.close()

    assert state.path.stat().st_mode & 0o777 == 0o700
    assert modes == {"lock": 0o600, "admin-token": 0o600}


def test_an_empty_folder_that_was_there_is_shut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It was made for this. One with something else in it is left as it is, and told."""
    empty, shared = tmp_path / "empty", tmp_path / "shared"
    for folder in (empty, shared):
        folder.mkdir()
        folder.chmod(0o755)
    (shared / "notes.txt").write_text("mine")
    for folder in (empty, shared):
        state = StateDir(folder)
        state.open()
        state.close()

    assert [folder.stat().st_mode & 0o777 for folder in (empty, shared)] == [0o700, 0o755]
    assert caplog.messages == [f"server.state_dir {shared} is open to other users; chmod 700 it"]


def test_the_token_stays(tmp_path: Path) -> None:
    """Over restarts; one that is empty is made anew."""
    tokens = []
    for _ in range(3):
        state = StateDir(tmp_path)
        state.open()
        tokens.append(state.admin_token)
        state.close()
        if len(tokens) == 2:
            (tmp_path / "admin-token").write_text("")

    assert tokens[0] == tokens[1] == tokens[0]
    assert tokens[2] not in ("", tokens[0])
    assert len(tokens[0]) > 40


def test_it_belongs_to_one(tmp_path: Path) -> None:
    """A second one is told whose it is; when the first has closed it may have it."""
    first, second = StateDir(tmp_path), StateDir(tmp_path)
    first.open()
    with pytest.raises(
        StartError, match=rf"in use by another Outrider \(process {os.getpid()}\); stop that one"
    ):
        second.open()
    with pytest.raises(Unavailable, match="in use"):
        second.ensure()
    first.close()

    assert second.ensure() == tmp_path
    second.close()


def test_one_that_cannot_be_made_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The start goes on with a line of the log; whoever needs it is told, until it can be made."""
    (tmp_path / "file").write_text("in the way")
    state = StateDir(tmp_path / "file/state")
    with caplog.at_level(logging.WARNING, "outrider"):
        state.open()
    with pytest.raises(Unavailable, match="cannot be used"):
        state.ensure()
    (tmp_path / "file").unlink()

    assert state.ensure() == tmp_path / "file/state"
    assert "is answered with 503 until it can" in caplog.text
    state.close()


def test_folders_are_made_with_those_above(tmp_path: Path) -> None:
    """What is there stays as it is."""
    make_folder(tmp_path / "a/b/c")
    make_folder(tmp_path / "a/b/c")

    assert (tmp_path / "a/b/c").is_dir()
