"""Background tasks."""

import asyncio
import gc
import logging
import weakref

import pytest

from outrider.tasks import spawn


async def test_a_crash_is_logged_once_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody awaits a background task, so it says itself that it ended."""

    async def crashes() -> None:
        raise RuntimeError("oops")

    with caplog.at_level(logging.ERROR, "outrider"):
        await asyncio.wait([spawn(crashes(), name="reload")])

    assert [record.getMessage() for record in caplog.records] == ["task 'reload' crashed"]
    assert caplog.records[0].exc_info is not None


async def test_an_end_and_a_cancellation_are_silent(caplog: pytest.LogCaptureFixture) -> None:
    """Neither is a crash."""

    async def ends() -> str:
        return "done"

    ended = spawn(ends(), name="a")
    cancelled = spawn(asyncio.Event().wait(), name="b")
    cancelled.cancel()
    await asyncio.wait([ended, cancelled])

    assert (ended.result(), cancelled.cancelled(), caplog.records) == ("done", True, [])


async def test_a_reference_is_kept_until_the_end() -> None:
    """The loop itself holds tasks weakly: one that waits could be collected."""
    go = asyncio.Event()
    task = weakref.ref(spawn(go.wait(), name="waits"))
    await asyncio.sleep(0)
    gc.collect()
    kept = task()
    assert kept is not None

    go.set()

    assert await kept is True
