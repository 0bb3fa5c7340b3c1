"""Modes of the files that matter: warned about, never refused (Kubernetes mounts secrets readable by all)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path


def mode_warnings(config: Path, secrets: Iterable[Path]) -> Iterator[str]:
    """Say who else may read a secret, or put another file in the place of one of these."""
    secrets = list(secrets)
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
