"""What docs/jobs.md says of a damaged file, done."""

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, Sidecar
from plugins.jobs.conftest import ASYNC, Caller

PAGE = 4096
JOBS = 300
DOCS = Path(__file__).parents[3] / "docs/jobs.md"
CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
state_dir = "{state}"

[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
"""


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs SQLite's own command")
def test_most_of_a_damaged_file_is_read(provider: FakeProvider, tmp_path: Path) -> None:
    """By the lines of the page as they stand there; what is there again is told and counted, and jobs go on."""
    state = tmp_path / "state"
    config = CONFIG.format(state=state, url=provider.url)
    (lines,) = re.findall(r"```sh\n(mkdir damaged.*?)```", DOCS.read_text(), re.DOTALL)
    later = {**ASYNC, "Outrider-Not-Before": "3600"}
    with Sidecar(config) as sidecar:
        app = Caller(sidecar)
        jobs = [app.enqueue("/acme/x", b"%d" % number * 200, later) for number in range(JOBS)]
    file = state / "jobs.db"
    whole = file.read_bytes()
    at = whole.index(b"150" * 200) // PAGE * PAGE
    file.write_bytes(whole[:at] + b"\xff" * PAGE + whole[at + PAGE :])

    done = subprocess.run(["sh", "-c", lines], cwd=state, capture_output=True, text=True, check=False)

    with Sidecar(config) as sidecar:
        app = Caller(sidecar)
        there = [job for job in jobs if app("GET", job).status == 200]
        new = app.job(app.enqueue("/acme/x", b"new"), wait=10)
    with sqlite3.connect(file) as connection:
        counts = connection.execute("SELECT state, n FROM counts WHERE n > 0").fetchall()
        (bodies,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    connection.close()

    assert done.returncode == 0, done.stderr
    assert 0.9 * JOBS < bodies < JOBS
    assert new["state"] == "done"
    assert sorted(counts) == [("done", 1), ("queued", len(there))]
