"""The state directory, `server.state_dir`: what outlives the process. It belongs to one at a time.

A lock (flock on `lock`) keeps a second process out; in it stand the process and its admin listener.
`admin-token` (0600) is what a request must show that changes something through the admin listener. The
command line reads both there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .config import Listen
from .errors import StartError, Unavailable
from .logs import conceal

if TYPE_CHECKING:
    from .config import Config

_log = logging.getLogger("outrider")

ADMIN_TOKEN = "admin-token"  # noqa: S105 - the name of a file
_LOCK = "lock"
_RETRY_AFTER_S = 5.0


def state_dir_of(config: Config) -> Path:
    """Give where it is; a relative path counts from the folder of the file."""
    return config.folder / config.server.state_dir


def admin_of(config: Config) -> Listen:
    """Give where the admin listener is: for port 0 the port that the running process took, if one runs."""
    admin = config.server.admin
    if admin.is_unix or admin.port:
        return admin
    with suppress(OSError, ValueError, IndexError):
        return Listen.parse((state_dir_of(config) / _LOCK).read_text("ascii").split()[1])
    return admin


class StateDir:
    """The directory of one process. One that cannot be used is tried again whenever it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.admin_token = ""
        """What a change through the admin listener needs; "" while the directory cannot be used."""
        self._lock: int | None = None
        self._admin = ""

    def __repr__(self) -> str:
        return f"<StateDir {self.path}{'' if self._lock is not None else ', closed'}>"

    def open(self) -> None:
        """Take it at the start. StartError where another process has it.

        Any other reason is a line of the log: most calls need no state.
        """
        try:
            self._acquire()
        except OSError as error:
            _log.warning("%s; what needs it is answered with 503 until it can", self._unusable(error).detail)

    def ensure(self) -> Path:
        """Give the directory, made and locked. Unavailable where that cannot be."""
        try:
            self._acquire()
        except OSError as error:
            raise self._unusable(error) from None
        except StartError as taken:
            raise Unavailable(str(taken), retry_after_s=_RETRY_AFTER_S) from None
        return self.path

    def tell(self, admin: str) -> None:
        """Write down where the admin listener is, `host:port`: the file may say port 0."""
        self._admin = admin
        if self._lock is not None:
            self._write(self._lock)

    def close(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _acquire(self) -> None:
        if self._lock is not None:
            return
        make_folder(self.path)
        empty = not any(self.path.iterdir())
        file = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(file)
            self.admin_token = self._token()
        except BaseException:
            os.close(file)
            raise
        conceal(self.admin_token)
        self._lock = file
        if self.path.stat().st_mode & 0o077:
            self._shut(made_for_us=empty)

    def _shut(self, *, made_for_us: bool) -> None:
        """Make a folder 0700 that somebody made for this; of one with more in it only say that it is open."""
        if made_for_us:
            with suppress(OSError):  # it is another user's
                self.path.chmod(0o700)
                return
        _log.warning("server.state_dir %s is open to other users; chmod 700 it", self.path)

    def _take(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(file, 32, 0).decode("ascii", "replace").partition("\n")[0]
            who = f" (process {process})" if process.isdigit() else ""
            raise StartError(
                f"server.state_dir {self.path} is in use by another Outrider{who}; "
                "stop that one, or give this one a state_dir of its own"
            ) from None
        self._write(file)

    def _write(self, file: int) -> None:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n{self._admin}\n".encode(), 0)

    def _token(self) -> str:
        path = self.path / ADMIN_TOKEN
        token = path.read_text("ascii", "replace").strip() if path.exists() else ""
        if not token:
            token = secrets.token_urlsafe(32)
            new = path.with_suffix(".new")
            new.unlink(missing_ok=True)
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, token.encode())
            finally:
                os.close(file)
            new.replace(path)
        return token

    def _unusable(self, error: OSError) -> Unavailable:
        reason = (error.strerror or type(error).__name__).lower()
        return Unavailable(
            f"server.state_dir {self.path} cannot be used: {reason}", retry_after_s=_RETRY_AFTER_S
        )


def make_folder(path: Path) -> None:
    """Make a folder (0700), and those above it, so that a power failure does not take it away again."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder: a file may be synced, and still have none after a power failure."""
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
