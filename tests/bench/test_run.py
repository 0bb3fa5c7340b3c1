"""The benchmark as people start it, in short runs with whichever peers are installed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench.peers import PEERS

from bench import load, machine

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "bench" / "run.py")]

pytestmark = [
    pytest.mark.skipif(machine.problem() is not None, reason=str(machine.problem())),
    pytest.mark.skipif(load.missing() is not None, reason=str(load.missing())),
    pytest.mark.skipif(PEERS["nginx"].missing() is not None, reason="nginx is not installed"),
]


def run(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environ}
    return subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=100, env=env, check=False
    )


def left_over(folder: Path) -> list[str]:
    """List the processes that work in the benchmark's temporary folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def test_requests(tmp_path: Path) -> None:
    """The CPU of GET and POST is in the table and the JSON, and nothing is left behind."""
    results = tmp_path / "new" / "results.json"
    short = ["--only", "requests", "--rounds", "1", "--seconds", "1"]
    done = run(*short, "--proxies", "nginx", "--json", str(results), TMPDIR=str(tmp_path))
    written = json.loads(results.read_text())["results"]

    assert done.returncode == 0, done.stderr
    assert [written[key]["notes"] for key in ("get", "post")] == [[], []]
    assert all(5 < written[key]["proxies"]["nginx"]["cpu_us"][0] < 500 for key in ("get", "post"))
    assert done.stdout.count("\nnginx  ") == 2
    assert left_over(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(signum: signal.Signals, tmp_path: Path) -> None:
    """Nothing is left behind, no process and no file, when the benchmark is interrupted."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    options = ["--only", "requests", "--proxies", "nginx,haproxy", "--seconds", "60"]
    with subprocess.Popen(
        [*COMMAND, *options], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"round 1" in line:
                break
        time.sleep(0.2)
        process.send_signal(signum)
        code = process.wait(20)

    assert code == 128 + signum
    assert left_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_killed(tmp_path: Path) -> None:
    """The kernel ends every proxy when the benchmark is killed."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    options = ["--only", "requests", "--proxies", "nginx,haproxy", "--seconds", "60"]
    with subprocess.Popen(
        [*COMMAND, *options], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"round 1" in line:
                break
        process.kill()
    deadline = time.monotonic() + 10
    while left_over(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--only", "request"], "'request' is none of requests, policies, sse, memory, idle, latency"),
        (["--proxies", "envoy,caddy"], "'caddy' is none of outrider, envoy, nginx, haproxy"),
        (["--rounds", "0"], "at least 1"),
    ],
)
def test_arguments(options: list[str], expected: str) -> None:
    """A wrong option names the right ones."""
    done = run(*options)

    assert (done.returncode, expected in done.stderr) == (2, True)


def test_check_without_outrider() -> None:
    """A check that measured nothing of Outrider does not pass."""
    done = run("--only", "sse", "--proxies", "nginx", "--rounds", "1", "--seconds", "1", "--check")

    assert done.returncode == 1
    assert "sse: outrider and envoy were not both measured" in done.stdout
