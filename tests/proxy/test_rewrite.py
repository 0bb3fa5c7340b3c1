"""A file of the user's is replaced as a whole, or stays as it is."""

import os
from pathlib import Path

import pytest

from outrider.errors import StartError
from outrider.rewrite import rewrite


def test_the_text_is_replaced_and_the_mode_stays(tmp_path: Path) -> None:
    """Nothing else is left in the folder."""
    file = tmp_path / "config.toml"
    file.write_text("old")
    file.chmod(0o640)

    rewrite(file, "new\n")

    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new\n", 0o640)
    assert os.listdir(tmp_path) == ["config.toml"]


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    """With the mode that the user's umask gives."""
    before = os.umask(0o027)
    try:
        rewrite(tmp_path / "config.toml", "new")
    finally:
        os.umask(before)

    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it leads to is written."""
    (tmp_path / "real.toml").write_text("old")
    (tmp_path / "config.toml").symlink_to("real.toml")

    rewrite(tmp_path / "config.toml", "new")

    assert (tmp_path / "config.toml").is_symlink()
    assert (tmp_path / "real.toml").read_text() == "new"


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """It names the file."""
    with pytest.raises(StartError, match=r"gone/config\.toml cannot be written: no such file or directory"):
        rewrite(tmp_path / "gone" / "config.toml", "new")
