"""Modes of the files that matter: warned about, never refused (Kubernetes mounts secrets readable by all)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .table import Table


def secret_files(table: Table) -> list[Path]:
    """Give the files that a configuration has secrets in: what references name, and the keys of TLS."""
    config = table.config
    tls = [config.server.tls, *(section.tls for section in config.integrations.values())]
    keys = [config.folder / one.key for one in tls if one is not None and one.key is not None]
    return [*table.vault.files(), *keys]


def mode_warnings(config: Path, secrets: Iterable[Path]) -> Iterator[str]:
    """Say who else may read a secret, or put another file in the place of one of these."""
    secrets = list(dict.fromkeys(secrets))
    for file in secrets:
        if _mode(file) & 0o077:
            yield f"the secret file {file} may be read by others; chmod 600 it"
    told = set()
    for file in (config, *secrets):
        for folder in Path(os.path.realpath(file)).parents:
            mode = _mode(folder)
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX and folder not in told:
                told.add(folder)
                yield f"the folder {folder} of {file} may be written to by everybody; chmod o-w it"


def _mode(path: Path) -> int:
    """Give the permissions of a file; 0 where there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
