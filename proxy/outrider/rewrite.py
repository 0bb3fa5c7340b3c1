"""Rewrite a file of the user's: all of it or nothing, whatever happens meanwhile."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import StartError


def rewrite(path: Path, text: str) -> None:
    """Put `text` in the place of a file, or make it; its mode stays. StartError where that cannot be.

    A link stays a link: the file that it leads to is the one that is replaced.
    """
    made = ""
    try:
        real = path.resolve()
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o666 & ~_umask()
        file, made = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        with os.fdopen(file, "w", encoding="utf-8", newline="") as opened:
            os.fchmod(file, mode)
            opened.write(text)
            opened.flush()
            os.fsync(file)
        os.replace(made, real)
        made = ""
    except OSError as error:
        raise StartError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        if made:
            os.unlink(made)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
