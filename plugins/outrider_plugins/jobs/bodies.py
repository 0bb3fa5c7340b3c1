"""Bodies of jobs: within the database up to 64 KiB, in files of their own past that.

A file is whole and synced, and so is its folder, before the row that needs it is committed. One without a
row (the process was killed between the two) is swept away at the next start.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from outrider.body import Body
from outrider.plugin import BrokenBody, Generated, Refused, Whole
from outrider.response import Content
from outrider.state import make_folder, sync_folder

from .database import StoreFailed

#: Bytes that stay within the database.
SPILL = 64 * 1024
_PIECE = 64 * 1024
#: What is not the file's fault.
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class TooLong(Exception):
    """A body of more bytes than may be kept."""


class BodyLost(Refused):
    """The file of a body is gone, or not what it was: no attempt can send what the app sent."""

    status = 500
    kind = "body-lost"


class Bodies:
    """The folder of those that have files, named by job and by what they are of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def request(self, id: str) -> Path:
        """Where the body of a job's request is."""
        return self.folder / id

    def response(self, id: str) -> Path:
        """Where the body of the provider's response is."""
        return self.folder / f"{id}.response"

    def remove(self, id: str, *, response: bool = True) -> None:
        """Forget the files of a job, after the commit that lets go of them."""
        for path in (self.request(id), self.response(id)) if response else (self.request(id),):
            path.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Give the ids of the jobs that have files; none without the folder."""
        try:
            return sorted({name.partition(".")[0] for name in os.listdir(self.folder)})
        except FileNotFoundError:
            return []


class Spool:
    """Takes a body piece by piece. `finish` syncs it, `discard` forgets it, also after that."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._file: BinaryIO | None = None
        self._has_file = False
        self.size = 0

    async def add(self, piece: bytes) -> None:
        """Take a piece. TooLong past the cap; StoreFailed where the disk takes no more."""
        self.size += len(piece)
        if self.size > self._max_bytes:
            raise TooLong(f"more than {self._max_bytes} bytes")
        if self.size <= SPILL:
            self._pieces.append(piece)
            return
        await _on_disk(self._write, piece)

    async def finish(self) -> bytes | None:
        """Give it whole, or None where it is in its file, synced."""
        if not self._has_file:
            return b"".join(self._pieces)
        await _on_disk(self._sync)
        return None

    def discard(self) -> None:
        """Forget what was taken."""
        self._pieces = []
        if self._file is not None:
            with suppress(OSError):  # a full disk says so once more
                self._file.close()
            self._file = None
        if self._has_file:
            self._path.unlink(missing_ok=True)

    def _write(self, piece: bytes) -> None:
        if self._file is None:
            make_folder(self._path.parent)
            self._has_file = True
            self._file = open(self._path, "wb")  # noqa: SIM115 - it stays open until the end of the body
            self._file.write(b"".join(self._pieces))
            self._pieces = []
        self._file.write(piece)

    def _sync(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        sync_folder(self._path.parent)


async def _on_disk(work: Callable[..., None], *arguments: bytes) -> None:
    try:
        await asyncio.to_thread(work, *arguments)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StoreFailed(f"jobs cannot be kept for now: {reason}", retry_after_s=5.0) from None


class StoredBody(Body):
    """The body of a job that is in a file: each attempt reads it from its start. BodyLost where it cannot."""

    __slots__ = ("_file", "_left", "_path", "_recoded", "_size")

    def __init__(self, path: Path, length: int) -> None:
        super().__init__(None, length=length, source=self._read)
        self._path = path
        self._size = self._left = length
        self._file: BinaryIO | None = None
        self._recoded = False

    @property
    def replayable(self) -> bool:
        """Always, but for one whose bytes a layer changes on the way."""
        return super().replayable if self._recoded else True

    def recode(self, decode: Callable[[bytes], bytes], *, length: int) -> None:
        """As for any body; what decodes it does so once."""
        super().recode(decode, length=length)
        self._recoded = True

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the body from its start."""
        if not self._recoded:
            self._forget()
            self._whole = False
            self._shut()
        try:
            async for piece in super().pieces():
                yield piece
        finally:
            self._shut()

    def close(self) -> None:
        """Give back what was kept, and the file."""
        self._shut()
        super().close()

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _read(self) -> bytes:
        return await asyncio.to_thread(self._next)

    def _next(self) -> bytes:
        try:
            if self._file is None:
                self._file = open(self._path, "rb")  # noqa: SIM115 - closed at the end of the attempt
                self._left = self._size
            piece = self._file.read(_PIECE)
        except OSError as error:
            if error.errno in _PASSING:
                raise StoreFailed(f"a job's body cannot be read for now: {error.strerror}") from None
            raise BodyLost(f"its body, {self._path}, cannot be read: {error.strerror}") from None
        self._left -= len(piece)
        if self._left < 0 or (not piece and self._left):
            raise BodyLost(f"its body, {self._path}, has not the {self._size} bytes that it had")
        return piece


def content_of(body: bytes | None, path: Path, size: int) -> Content:
    """Give what is passed on to an app that fetches a response."""
    if body is not None:
        return Whole(body)
    made = Generated(_read_file(path))
    made.length = size
    return made


async def _read_file(path: Path) -> AsyncGenerator[bytes, None]:
    try:
        file = await asyncio.to_thread(open, path, "rb")
    except OSError as error:
        raise BrokenBody(f"a job's response cannot be read: {error.strerror}") from None
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()
