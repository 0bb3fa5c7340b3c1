"""What changes when a file does: when it is written, replaced or made readable, or a symlink is swapped.

The mode and the owner are in it, and not the time of the last change to them (ctime): that moves when a
backup has read the file, and a reload starts the counts of limits and breakers anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = "tuple[int, ...] | None"


def stamp_of(path: Path) -> Stamp:
    """Give the stamp of a file, None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_mode,
        found.st_uid,
        found.st_gid,
    )
