"""Bodies of jobs: in memory up to a size, in a synced file past it, and no file that nobody needs."""

import os
import resource
from pathlib import Path

import pytest

from outrider_plugins.jobs.bodies import SPILL, BodyLost, Spool, StoredBody, TooLong
from outrider_plugins.jobs.database import StoreFailed


async def test_a_short_one_needs_no_file(tmp_path: Path) -> None:
    """Up to 64 KiB, in however many pieces."""
    spool = Spool(tmp_path / "bodies/a", 10**6)
    for _ in range(SPILL // 1024):
        await spool.add(bytes(1024))

    assert await spool.finish() == bytes(SPILL)
    assert not (tmp_path / "bodies").exists()


async def test_a_long_one_has_a_file(tmp_path: Path) -> None:
    """Whole, for this user alone; forgotten also after it was finished."""
    path = tmp_path / "bodies/a"
    spool = Spool(path, 10**6)
    for number in range(3):
        await spool.add(bytes([number]) * SPILL)

    assert await spool.finish() is None
    assert path.read_bytes() == b"".join(bytes([number]) * SPILL for number in range(3))
    spool.discard()
    assert not path.exists()


async def test_one_that_is_too_long_is_refused_as_it_comes(tmp_path: Path) -> None:
    """And what was taken of it is forgotten."""
    spool = Spool(tmp_path / "bodies/a", SPILL + 10)
    await spool.add(bytes(SPILL + 1))
    with pytest.raises(TooLong):
        await spool.add(bytes(10))
    spool.discard()

    assert list((tmp_path / "bodies").iterdir()) == []


async def test_each_attempt_reads_it_from_its_start(tmp_path: Path) -> None:
    """Also after one that broke off in the middle; what a layer recodes is read once."""
    (tmp_path / "a").write_bytes(data := bytes(range(256)) * 1000)
    body = StoredBody(tmp_path / "a", len(data))
    first = body.pieces()
    begun = await anext(first)
    await first.aclose()
    again = b"".join([piece async for piece in body.pieces()])
    third = b"".join([piece async for piece in body.pieces()])
    body.close()

    assert data.startswith(begun)
    assert (again, third, body.replayable) == (data, data, True)
    recoded = StoredBody(tmp_path / "a", len(data))
    recoded.recode(lambda piece: piece.replace(b"\x00", b"\xff"), length=len(data))
    assert b"".join([piece async for piece in recoded.pieces()]) == data.replace(b"\x00", b"\xff")
    assert not recoded.replayable


@pytest.mark.parametrize("kept", [None, 100, 70_001])
async def test_one_that_is_not_what_it_was(tmp_path: Path, kept: int | None) -> None:
    """Its file is gone, cut or longer: nothing of it is taken for the whole."""
    if kept is not None:
        (tmp_path / "a").write_bytes(bytes(kept))
    body = StoredBody(tmp_path / "a", 70_000)
    with pytest.raises(BodyLost, match="its body, "):
        [piece async for piece in body.pieces()]


async def test_too_many_open_files(tmp_path: Path) -> None:
    """That passes, and is no fault of the job."""
    (tmp_path / "a").write_bytes(b"1")
    body = StoredBody(tmp_path / "a", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = os.open(tmp_path, os.O_RDONLY)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        with pytest.raises(StoreFailed, match="Too many open files"):
            [piece async for piece in body.pieces()]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(used)
