"""Watch the configuration and the files of secrets: a change is picked up without a restart.

Folders are watched, not files, so that an editor's rename and a swapped symlink are seen; and every
few seconds the files are looked at anyway, for file systems that tell nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

import watchfiles

from .rotation import read_again
from .stamp import stamp_of

if TYPE_CHECKING:
    from .app import App

#: A rotated secret is seen within 10 s; half of that, for what the watcher does not tell.
LOOK_EVERY_MS = 5_000
_LOOK_EVERY_S = LOOK_EVERY_MS / 1000

Changes: TypeAlias = "AsyncGenerator[set[watchfiles.main.FileChange], None]"

_log = logging.getLogger("outrider")


async def watch(
    app: App,
    *,
    awatch: Callable[..., Changes] = watchfiles.awatch,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Reload and re-read as files change, until cancelled."""
    path = app.table.path
    seen = app.stamp
    while True:
        table, awaited = app.table, app.awaited
        vaults = (table.vault,) if awaited is None else (table.vault, awaited)
        files = (path, *(file for vault in vaults for file in vault.files()))
        folders = {folder for file in files for folder in _folders(file)}
        names = {name for file in files for name in _names(file)}
        changes = _told(
            awatch(
                *sorted(folders),
                recursive=False,
                debounce=200,
                step=100,
                rust_timeout=LOOK_EVERY_MS,
                yield_on_timeout=True,
            ),
            sleep,
        )
        look_at = clock() + _LOOK_EVERY_S
        async for changed in changes:
            # Much else may change in these folders, our own log for one: without a pause, perhaps.
            ours = any(os.path.basename(name) in names for _, name in changed)
            if changed and not ours and clock() < look_at:
                continue
            look_at = clock() + _LOOK_EVERY_S
            read_again(table.vault)
            now = stamp_of(path)
            if now is not None and (now != seen or any(vault.has_news() for vault in vaults)):
                seen = now
                try:
                    await app.reload()
                except Exception:  # noqa: BLE001 - the next change and every secret must be seen
                    _log.exception("the configuration was not reloaded")
            if app.table is not table or app.awaited is not awaited:
                break


async def _told(changes: Changes, sleep: Callable[[float], Awaitable[None]]) -> Changes:
    """Give the changes that the system tells; where it tells none any more, nothing every few seconds.

    inotify is counted for each user, and other programs may have used it up: files are looked at then.
    """
    try:
        async for changed in changes:
            yield changed
    except (OSError, RuntimeError) as error:
        _log.warning(
            "changed files are looked for every %g s, since the system tells of none: %s",
            _LOOK_EVERY_S,
            error,
        )
    while True:
        await sleep(_LOOK_EVERY_S)
        yield set()


def _folders(file: Path) -> set[str]:
    """The folder of a file, and of what it links to; a missing one may be anything, a loop of links too."""
    found = (os.path.abspath(file), os.path.realpath(file))
    return {folder for folder in map(os.path.dirname, found) if os.path.isdir(folder)}


def _names(file: Path) -> set[str]:
    """What a file is called, what each link on the way to it is called, and what each links to."""
    path = file.absolute()
    names = {path.name}
    with contextlib.suppress(OSError):
        for _ in range(40):  # as many as Linux follows
            link = next((part for part in (*reversed(path.parents), path) if part.is_symlink()), None)
            if link is None:
                break
            path = Path(os.path.normpath(link.parent / link.readlink() / path.relative_to(link)))
            names |= {link.name, path.name}
    return names
