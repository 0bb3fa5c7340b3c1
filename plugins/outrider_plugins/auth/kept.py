"""Kept: refresh tokens on disk, since one that rotates is good for once only (RFC 9700 section 4.14.2).

One file for each credential in `token_dir` (0700, the files 0600), which processes may share. Whoever
refreshes holds the lock, reads what is there, and has the new token synced before it is used. What
cannot be helped is a process killed between the request and the end of that sync, or an answer lost on
its way: the provider has spent the old token then, and nobody has the new one. A mark that is written
before the request and taken away after the sync tells of that at the next refresh.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import logging
import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from outrider.plugin import Stamp, Unavailable, stamp_of

LOG = logging.getLogger("outrider")

#: Seconds between two looks at a lock that another process has, and how long it is waited for.
LOOK_S, LOCK_S = 0.05, 30.0
#: Seconds by which a wall clock may have gone back without making what is stored doubtful.
_BACK_S = 60.0


def digest(text: str) -> str:
    """Give a name for a secret that does not tell it."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept: `seed` is the digest of the configured token that this one came of."""

    seed: str
    refresh_token: str
    access_token: str = ""
    obtained_at: float = 0.0
    seconds: float | None = None

    def __repr__(self) -> str:
        return f"<Stored of {self.seed[:8]}>"

    def left_s(self, now: float) -> float:
        """Seconds that the access token has left; none where the clock has gone back since."""
        if now < self.obtained_at - _BACK_S:
            return 0.0
        return math.inf if self.seconds is None else self.obtained_at + self.seconds - now


class Kept:
    """The file of one credential."""

    def __init__(self, folder: Path, what: str) -> None:
        self._folder = folder
        self._path = folder / f"{digest(what)[:32]}.json"
        self._mark = self._path.with_suffix(".refreshing")
        self._lock = self._path.with_suffix(".lock")
        self._unsaved: Stored | None = None

    def __repr__(self) -> str:
        return f"<Kept {self._path}>"

    def stamp(self) -> Stamp:
        """Change when the file does."""
        return stamp_of(self._path)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Hold the lock against other processes. Unavailable where it cannot be had."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            for _ in range(int(LOCK_S / LOOK_S)):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(LOOK_S)
            else:
                raise Unavailable(f"another process holds {self._lock.name} in token_dir", retry_after_s=1)
            yield
        finally:
            os.close(file)

    def read(self) -> Stored | None:
        """Give what is kept. Unavailable for a file that is not ours: it is left as it is."""
        if self._unsaved is not None:
            return self._unsaved
        try:
            return Stored(**json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        except (ValueError, TypeError):
            raise Unavailable(
                f"{self._path} is no token file; move it away, and give a new refresh token"
            ) from None

    def begin(self, stored: Stored, *, of: str) -> None:
        """Mark that the refresh token is about to be spent. Unavailable where nothing can be written."""
        if self._mark.exists():
            LOG.warning(
                "integration '%s': a refresh was cut off; if the provider now says invalid_grant, its new "
                "refresh token is lost and another must be given",
                of,
            )
        try:
            _write(self._mark, stored.seed)
        except OSError as error:
            raise self._unusable(error) from None

    def end(self) -> None:
        """Take the mark away."""
        with suppress(OSError):
            self._mark.unlink(missing_ok=True)

    async def write(self, new: Stored, *, of: str) -> None:
        """Keep a token, synced. Where that fails it is said, and the token is used all the same."""
        text = json.dumps(asdict(new))
        try:
            await asyncio.to_thread(_write, self._path, text)
        except OSError as error:
            self._unsaved = new
            LOG.error(
                "integration '%s': the new refresh token is in memory only: %s", of, self._unusable(error)
            )
            return
        self._unsaved = None
        self.end()

    def _unusable(self, error: OSError) -> Unavailable:
        reason = (error.strerror or type(error).__name__).lower()
        return Unavailable(f"server.token_dir {self._folder} cannot be used: {reason}", retry_after_s=5)


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, also after a power failure."""
    new = path.with_name(path.name + ".new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
