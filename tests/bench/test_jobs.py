"""Nothing is lost: short runs of the scripts that kill Outrider and cut its power. `docs/jobs.md` has long ones."""

import random
import shutil
import subprocess

import pytest

from bench import crash_jobs, jobs_rate, power_jobs

SEED = random.randrange(2**32)


def may_trace() -> bool:
    """Whether strace is there, and may trace: not in every container."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.long
def test_killed_at_random_moments() -> None:
    """Each acknowledged job is delivered, under one key and with its bytes; the file is whole."""
    result = crash_jobs.run(25, SEED)

    assert result.ok, result
    assert result.acknowledged > 0


@pytest.mark.long
@pytest.mark.skipif(not may_trace(), reason="strace is not there, or may not trace")
def test_the_power_fails_at_random_moments() -> None:
    """Each acknowledged job is on the disk, whatever of the unsynced writes is."""
    told = power_jobs.run(100, 100, SEED)

    assert (told["damaged"], told["missing"]) == (0, 0), told
    assert told["acknowledged"]


@pytest.mark.long
def test_a_backlog_starts_in_seconds_and_flat_memory() -> None:
    """A tenth of a million here: neither grows with it."""
    told = jobs_rate.backlog(100_000)

    assert told["first_delivery_s"] - told["accepts_s"] < 1.0, told
    assert told["peak_rss_mib"] < 150, told


def test_what_a_disk_may_have_is_what_was_synced_and_any_of_the_rest() -> None:
    """The replay itself: a synced write is there for sure, one since then now and then, or a part of it."""
    disk, seen = power_jobs.Disk("/s"), set()
    events = [
        power_jobs.Event("create", "/s/f"),
        power_jobs.Event("write", "/s/f", 0, b"sure"),
        power_jobs.Event("sync", "/s/f", began=2),
        power_jobs.Event("write", "/s/f", 2, b"later"),
    ]
    for number, event in enumerate(events):
        disk.see(number, event)
    for seed in range(100):
        seen.add(disk.files["/s/f"].after(random.Random(seed)))

    assert {b"sure", b"sulater"} <= seen
    assert {content[:2] for content in seen} == {b"su"}
    assert len(seen) > 3
