"""Watch the configuration and the files of secrets: a change is picked up without a restart.

Folders are watched, not files, so that an editor's rename and a swapped symlink are seen; and every
few seconds the files are looked at anyway, for file systems that tell nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import awatch

from .logs import REDACTOR
from .stamp import stamp_of

if TYPE_CHECKING:
    from .app import App

#: A rotated secret is seen within 10 s (DESIGN.md); half of that, for what the watcher does not tell.
LOOK_EVERY_MS = 5_000

_log = logging.getLogger("outrider")


async def watch(app: App) -> None:
    """Reload and re-read as files change, until cancelled."""
    path = app.table.path
    seen = app.stamp
    while True:
        table = app.table
        folders = {str(folder) for file in (path, *table.vault.files()) for folder in _folders(file)}
        changes = awatch(
            *sorted(folders),
            recursive=False,
            debounce=200,
            step=100,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
        )
        async for _ in changes:
            for ref in table.vault.refresh():
                _log.info("the secret of %s has changed and is in use", ref)
                REDACTOR.know({*REDACTOR.known, *table.vault.values()})
            now = stamp_of(path)
            if now is not None and (now != seen or table.vault.has_news()):
                seen = now
                await app.reload()
            if app.table is not table:
                break


def _folders(file: Path) -> set[Path]:
    """The folder of a file, and of what it links to."""
    found = {file.absolute().parent, file.resolve().parent}
    return {folder for folder in found if folder.is_dir()}
