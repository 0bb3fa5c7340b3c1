"""Modes of files that others could read or replace."""

from pathlib import Path

from outrider.modes import mode_warnings


def test_a_secret_that_others_may_read(tmp_path: Path) -> None:
    """It is named, with what to do; one of ours alone is not."""
    (tmp_path / "mine").touch(0o600)
    (tmp_path / "open").touch(0o600)
    (tmp_path / "open").chmod(0o640)

    said = list(mode_warnings(tmp_path / "config.toml", [tmp_path / "mine", tmp_path / "open"]))

    assert said == [f"the secret file {tmp_path / 'open'} may be read by others; chmod 600 it"]


def test_a_folder_in_which_anybody_may_swap_the_file(tmp_path: Path) -> None:
    """Any folder on the way, said once; a sticky one protects what is in it, as /tmp does."""
    (folder := tmp_path / "etc").mkdir()
    (below := folder / "below").mkdir()
    (below / "key").touch(0o600)
    folder.chmod(0o777)
    files = folder / "config.toml", [below / "key"]

    said = list(mode_warnings(*files))
    folder.chmod(0o1777)
    said_of_sticky = list(mode_warnings(*files))

    assert said == [f"the folder {folder} of {files[0]} may be written to by everybody; chmod o-w it"]
    assert said_of_sticky == []
