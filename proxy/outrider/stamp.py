"""What changes when a file does, also when it is replaced or a symlink on the way is swapped."""

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
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
