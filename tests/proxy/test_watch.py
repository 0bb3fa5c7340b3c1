"""Watching: which changes lead to a look, and what a look leads to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from watchfiles import Change

from outrider.config import SecretRef
from outrider.secrets import SecretMissing, Vault
from outrider.stamp import stamp_of
from outrider.watch import LOOK_EVERY_MS, watch


class Looked(Vault):
    """A vault that counts how often it was looked at."""

    looks = 0

    def refresh(self, anew: Collection[SecretRef] = ()) -> list[SecretRef]:
        self.looks += 1
        return super().refresh(anew)


class Rig:
    """A folder with a configuration, an App that only counts its reloads, a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.vault, self.reloads, self.now_s = folder, Looked(folder), 0, 0.0
        (folder / "config.toml").write_text("")
        self.table = SimpleNamespace(path=folder / "config.toml", vault=self.vault)
        self.stamp = stamp_of(self.table.path)
        self.awaited: Vault | None = None

    async def reload(self) -> bool:
        self.reloads += 1
        return True

    async def looks_after(self, *changed: str, seconds: float = 0.1) -> int:
        """Tell the watcher of changes of these files, or of none; how often it looked."""
        looks = self.vault.looks
        changes = {(Change.modified, str(self.folder / name)) for name in changed}

        async def told(*_: str, **__: Any) -> AsyncGenerator[set[tuple[Change, str]], None]:
            self.now_s += seconds
            yield changes
            raise StopWatching

        with pytest.raises(StopWatching):
            await watch(self, awatch=told, clock=lambda: self.now_s)  # type: ignore[arg-type]
        return self.vault.looks - looks


class StopWatching(Exception):
    """What ends a watch in these tests."""


async def test_files_that_are_none_of_ours_lead_to_no_look(tmp_path: Path) -> None:
    """The log beside the configuration grows with every request."""
    (tmp_path / "key").write_text("value")
    rig = Rig(tmp_path)
    rig.vault.get(SecretRef("file", "key"))

    looks = [await rig.looks_after(name) for name in ("outrider.log", "key", "config.toml")]

    assert looks == [0, 1, 1]


async def test_a_log_that_always_grows_does_not_put_off_the_look(tmp_path: Path) -> None:
    """The files are looked at every few seconds, also where other changes never pause."""
    rig = Rig(tmp_path)

    assert await rig.looks_after("outrider.log", seconds=LOOK_EVERY_MS / 1000) == 1


async def test_nothing_told_leads_to_a_look(tmp_path: Path) -> None:
    """For file systems that tell nothing."""
    assert await Rig(tmp_path).looks_after() == 1


async def test_a_reload_that_raises_is_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That would be a mistake of ours; a secret that rotates after it is seen all the same."""
    rig = Rig(tmp_path)

    async def reload() -> bool:
        raise OSError("oops")

    rig.reload = reload  # type: ignore[method-assign]

    async def told(*_: str, **__: Any) -> AsyncGenerator[set[tuple[Change, str]], None]:
        rig.table.path.write_text("# changed")
        yield set()
        yield set()
        raise StopWatching

    with pytest.raises(StopWatching):
        await watch(rig, awatch=told)  # type: ignore[arg-type]

    assert rig.vault.looks == 2
    assert "oops" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("no more watches"), FileNotFoundError("the folder is gone")])
async def test_a_system_that_tells_nothing_is_no_end(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """inotify may be used up by other programs: files are looked at every few seconds, and the log says so."""
    rig, slept = Rig(tmp_path), list[float]()

    async def told(*_: str, **__: Any) -> AsyncGenerator[set[tuple[Change, str]], None]:
        raise error
        yield set()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise StopWatching

    with pytest.raises(StopWatching):
        await watch(rig, awatch=told, sleep=sleep)  # type: ignore[arg-type]

    assert (rig.vault.looks, slept) == (2, [LOOK_EVERY_MS / 1000] * 3)
    assert str(error) in caplog.text


async def test_a_symlink_on_the_way_is_one_of_ours(tmp_path: Path) -> None:
    """Kubernetes swaps `..data`, and never touches the name that was configured."""
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "token").write_text("value")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/token")
    rig = Rig(tmp_path)
    rig.vault.get(SecretRef("file", "key"))

    looks = [await rig.looks_after(name) for name in ("..data", "token", "..2")]

    assert looks == [1, 1, 0]


async def test_a_secret_that_was_missing_reloads_once_it_is_there(tmp_path: Path) -> None:
    """That is what a draft sleeps for; what else changes does not reload."""
    rig = Rig(tmp_path)
    with pytest.raises(SecretMissing):
        rig.vault.get(SecretRef("file", "later"))

    await rig.looks_after("config.toml")
    (tmp_path / "later").write_text("value")
    await rig.looks_after("later")
    await rig.looks_after("later")

    assert rig.reloads == 1


async def test_a_secret_that_a_refused_file_lacks_is_awaited(tmp_path: Path) -> None:
    """The file is read again when the secret is there, though the file itself has not changed."""
    rig = Rig(tmp_path)
    rig.awaited = Vault(tmp_path)
    with pytest.raises(SecretMissing):
        rig.awaited.get(SecretRef("file", "later"))

    await rig.looks_after("config.toml")
    (tmp_path / "later").write_text("value")
    await rig.looks_after("later")
    await rig.looks_after("later")

    assert rig.reloads == 1


async def test_a_secret_that_becomes_readable_is_news(tmp_path: Path) -> None:
    """A mode may change alone."""
    vault, key = Vault(tmp_path), tmp_path / "key"
    key.write_text("")
    key.chmod(0o200)
    with pytest.raises(SecretMissing):
        vault.get(SecretRef("file", "key"))

    key.chmod(0o600)

    assert [vault.has_news(), vault.has_news()] == [True, False]


async def test_a_missing_secret_behind_a_loop_of_links_is_watched(tmp_path: Path) -> None:
    """It ends neither the watch nor the wait."""
    (tmp_path / "loop").symlink_to("loop")
    rig = Rig(tmp_path)
    with pytest.raises(SecretMissing):
        rig.vault.get(SecretRef("file", "loop"))

    assert await rig.looks_after("loop") == 1
