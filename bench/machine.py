"""What the kernel says of processes: CPU time, memory, cores, ports, limits. Linux only."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

PROXY_CORE = 0
LOAD_CORE = 1

# Below the ephemeral range (32768 and up), so that no outgoing connection of the load can hold one.
PORTS = range(20_000, 30_000)


def problem() -> str | None:
    """Say in words why this machine cannot run the benchmark, or return None."""
    if not Path("/proc/self/stat").exists():
        return "the benchmark reads /proc and pins processes to cores: it runs on Linux only"
    if not {PROXY_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        return f"the benchmark needs cores {PROXY_CORE} and {LOAD_CORE}: one for the proxy, one for the load"
    return None


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Pin this process, and all that it starts meanwhile, to one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port(taken: set[int]) -> int:
    """Find a port that nobody listens on and that is not in `taken`, and add it to `taken`."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in taken:
                    taken.add(port)
                    return port
    raise RuntimeError(f"no free port in {PORTS.start} to {PORTS.stop}")


def family(pid: int) -> list[int]:
    """List a process and all its living descendants; empty when it is gone."""
    try:
        tasks = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []
    found = [pid]
    for task in tasks:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found += family(int(child))
    return found


def cpu_ns(pid: int) -> int:
    """Read user and system time, in ns, of all threads of a process and of its living descendants.

    It is the process's own CPU clock (`clock_getcpuclockid(3)`): the sum that utime and stime in
    /proc/PID/stat are made from, in ns and not in ticks of 10 ms.
    """
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            total += time.clock_gettime_ns((~member << 3) | 2)
    return total


def _status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def rss_mb(pid: int) -> float:
    """Read the resident memory of a process and its descendants, in MB (10^6 bytes)."""
    return sum(_status_kib(member, "VmRSS") for member in family(pid)) * 1024 / 1e6


def peak_mb(pid: int) -> float:
    """Read the peak of `rss_mb` since `forget_peak`; several processes count with a peak each."""
    return sum(_status_kib(member, "VmHWM") for member in family(pid)) * 1024 / 1e6


def forget_peak(pid: int) -> None:
    """Let VmHWM start again from what is resident now (proc(5), clear_refs, 5)."""
    for member in family(pid):
        Path(f"/proc/{member}/clear_refs").write_text("5")


def describe() -> str:
    """Name the processor, the kernel and how busy the machine is, on one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}, load {load:.1f} at the start"
