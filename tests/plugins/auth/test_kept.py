"""Kept refresh tokens: on disk before they are used, one process at a time."""

import asyncio
import json
import logging
import math
import os
from pathlib import Path

import pytest

from outrider.errors import Unavailable
from outrider_plugins.auth.kept import Kept, Stored, digest


async def test_what_is_kept_is_there_for_the_next(tmp_path: Path) -> None:
    """A second process reads what the first one wrote; nobody else can."""
    new = Stored(digest("seed"), "refresh-2", "access-2", 100.0, 3600.0)
    folder = tmp_path / "tokens"
    kept = Kept(folder, "acme")
    async with kept.locked():
        await kept.write(new, of="acme")

    (file,) = folder.glob("*.json")
    assert Kept(folder, "acme").read() == new
    assert Kept(folder, "other").read() is None
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(
    ("now", "left_s"),
    [(100.0, 3600.0), (3000.0, 700.0), (9000.0, -5300.0), (90.0, 3610.0), (10.0, 0.0)],
)
def test_what_is_left_of_a_token(now: float, left_s: float) -> None:
    """By the wall clock; where that has gone back by more than a minute, nothing is."""
    assert Stored("s", "r", "a", 100.0, 3600.0).left_s(now) == left_s
    assert Stored("s", "r", "a", 0.0, None).left_s(now) == math.inf


async def test_the_lock_is_for_one(tmp_path: Path) -> None:
    """The second waits until the first has done."""
    order = []

    async def hold(name: str) -> None:
        async with Kept(tmp_path, "acme").locked():
            order.append(f"{name} in")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(hold("a"), hold("b"))

    assert order == ["a in", "a out", "b in", "b out"]


async def test_a_refresh_that_was_cut_off_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The mark is there until the new token is; who finds it says what that may mean."""
    stored = Stored(digest("seed"), "refresh-1")
    killed = Kept(tmp_path, "acme")
    killed.begin(stored, of="acme")

    with caplog.at_level(logging.WARNING):
        kept = Kept(tmp_path, "acme")
        kept.begin(stored, of="acme")
        first = caplog.text
        await kept.write(stored, of="acme")
        caplog.clear()
        kept.begin(stored, of="acme")

    assert "a refresh was cut off" in first
    assert caplog.text == ""
    assert "refresh-1" not in first


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It is said before the token is spent."""
    os.chmod(tmp_path, 0o500)

    with pytest.raises(Unavailable, match=r"server\.token_dir .* cannot be used: permission denied"):
        async with Kept(tmp_path, "acme").locked():
            pass


async def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    """It is said before the token is spent, and the file is left alone."""
    (tmp_path / "tokens").write_text("mine")

    with pytest.raises(Unavailable, match=r"server\.token_dir .* cannot be used: file exists"):
        async with Kept(tmp_path / "tokens", "acme").locked():
            pass

    assert (tmp_path / "tokens").read_text() == "mine"


async def test_a_token_that_cannot_be_written_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in memory only, and the log says so; nothing is spent twice."""
    kept = Kept(tmp_path / "tokens", "acme")
    new = Stored(digest("seed"), "refresh-2", "access-2")

    await kept.write(new, of="acme")

    assert kept.read() == new
    assert "is in memory only" in caplog.text
    assert "refresh-2" not in caplog.text


def test_a_file_that_is_not_ours(tmp_path: Path) -> None:
    """It is refused in words, and left as it is."""
    kept = Kept(tmp_path, "acme")
    path = tmp_path / f"{digest('acme')[:32]}.json"
    path.write_text(json.dumps({"other": 1}))

    with pytest.raises(Unavailable, match="is no token file; move it away"):
        kept.read()

    assert json.loads(path.read_text()) == {"other": 1}
