import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from bench import machine

pytestmark = pytest.mark.skipif(machine.problem() is not None, reason=str(machine.problem()))


@contextlib.contextmanager
def python(code: str) -> Iterator[int]:
    """Run some Python that prints a line when it is ready; gives its process."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def test_cpu_ns() -> None:
    """The CPU of another process is what it says of itself, to the ms."""
    code = "import time\nwhile time.process_time() < .2: pass\nprint(flush=True)\ninput()"

    with python(code) as pid:
        assert machine.cpu_ns(pid) / 1e9 == pytest.approx(0.2, abs=0.05)


def test_cpu_ns_of_children() -> None:
    """The CPU of a living child counts."""
    code = (
        "import os, time\nif not os.fork():\n while time.process_time() < .2: pass\n print(flush=True)\n"
        "time.sleep(9)"
    )

    with python(code) as pid:
        members = machine.family(pid)
        used = machine.cpu_ns(pid)
        for child in members[1:]:
            os.kill(child, 9)

    assert (len(members), used / 1e9) == (2, pytest.approx(0.22, abs=0.07))


def test_peak() -> None:
    """A peak counts from when it was forgotten, also when the memory has been given back."""
    code = "print(flush=True)\ninput()\nbytearray(50_000_000)\nprint(flush=True)\ninput()"

    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        before = machine.rss_mb(process.pid)
        machine.forget_peak(process.pid)
        process.stdin.write(b"\n")
        process.stdout.readline()
        grown = machine.peak_mb(process.pid) - before
        after = machine.rss_mb(process.pid) - before
        process.kill()

    assert grown == pytest.approx(50, abs=3)
    assert after < 5


def test_gone() -> None:
    """A process that has ended has no family and no CPU."""
    process = subprocess.Popen(["/bin/true"])
    process.wait()

    assert (machine.family(process.pid), machine.cpu_ns(process.pid)) == ([], 0)


def test_free_port() -> None:
    """A port is given once, and from below the range of outgoing connections."""
    taken: set[int] = set()
    ports = [machine.free_port(taken) for _ in range(20)]

    assert set(ports) == taken
    assert len(taken) == 20
    assert all(port in machine.PORTS for port in ports)


def test_on_core() -> None:
    """What is started inside runs on that core, and we are where we were afterwards."""
    before = os.sched_getaffinity(0)
    with machine.on_core(machine.PROXY_CORE), python("print(flush=True)\ninput()") as pid:
        inside = os.sched_getaffinity(pid)

    assert (inside, os.sched_getaffinity(0)) == ({machine.PROXY_CORE}, before)


def test_clock_runs() -> None:
    """A process that sleeps uses next to nothing."""
    with python("import time\nprint(flush=True)\ntime.sleep(9)") as pid:
        before = machine.cpu_ns(pid)
        time.sleep(0.1)
        assert (machine.cpu_ns(pid) - before) / 1e9 < 0.02
