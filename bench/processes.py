"""Start a program on a core, and see to it that it never outlives the benchmark."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from bench import machine

STOP_S = 5.0


def guarded(command: Sequence[str]) -> list[str]:
    """Prefix a command so that the kernel ends it when the benchmark dies, even by SIGKILL."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)


@contextlib.contextmanager
def running(
    command: Sequence[str], *, core: int, folder: Path, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own while the block lasts; its output goes to `log`."""
    with log.open("wb") as output, machine.on_core(core):
        process = subprocess.Popen(
            guarded(command),
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole session of a process: asked first, then killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also when the wait was interrupted, and for descendants that outlived their parent.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def output(command: Sequence[str]) -> str:
    """Run a short program and return what it printed on stdout and stderr, whatever its exit code."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


def last_line(log: Path) -> str:
    """Return the last line that is not blank of a log, to say why a program ended."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def _leave(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def leave_on_signals() -> None:
    """Turn signals that end a program into SystemExit, so that every `with` block is left in order.

    SIGINT too: who is started in the background, or by a worker of the tests, inherits that it is ignored.
    """
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _leave)
