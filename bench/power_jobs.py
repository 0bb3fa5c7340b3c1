"""Cut the power: replay what Outrider wrote up to a random moment, and look for every acknowledged job.

    python -m bench.power_jobs [--jobs 300] [--cuts 200] [--seed 7]        # needs strace

Outrider runs under strace while four writers enqueue and jobs are delivered. The trace has every write to the
state directory and every sync, and every 202 that was written to a socket, in one order. At a moment of it
the disk has, of each file, all that was written before its last sync; of what was written since, each write
may be there or not, or a part of it. A new name is sure once its folder was synced. Such a disk is made for
each cut, and must hold: the database opens, `PRAGMA integrity_check` says ok, each job whose 202 was written
before the cut is there with its request, and those with a file of their own have it whole.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.crash_jobs import CONFIG, Writers
from outrider.testing import FakeProvider, ReceivedRequest, Script, reply

CALLS = "openat,mkdir,mkdirat,pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,ftruncate,rename,unlink"
_LINE = re.compile(
    r"(\d+) +(?:(\w+)\((.*?)(?:\) += (-?\d+).*| <unfinished \.\.\.>)"
    r"|<\.\.\. (\w+) resumed>.* = (-?\d+).*)$"
)
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_FILE = re.compile(r"-?\d+<((?:\\x[0-9a-f]{2})*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_JOB = re.compile(rb"HTTP/1\.1 202.*?Location: /_outrider/jobs/([0-9a-f]{32})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: a write, a cut, a sync, a name, or a 202."""

    kind: str
    path: str = ""
    offset: int = 0
    data: bytes = b""
    began: int = 0
    """Of a sync: the number of events there were when it began."""


@dataclass
class File:
    """What is sure of a file, what may be, and whether its name is sure."""

    sure: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, Event]] = field(default_factory=list)
    named: bool = False

    def sync(self, began: int) -> None:
        """Make sure of what was written before the sync began."""
        for _, event in (entry for entry in self.since if entry[0] < began):
            apply(self.sure, event)
        self.since = [entry for entry in self.since if entry[0] >= began]

    def after(self, dice: random.Random) -> bytes:
        """Give what a disk may have: of each write since the last sync all, nothing, or a part."""
        content = bytearray(self.sure)
        for _, event in self.since:
            fate = dice.random()
            if fate < 0.4:
                apply(content, event)
            elif fate < 0.6 and event.data:
                half = event.data[: dice.randrange(len(event.data))]
                apply(content, Event("write", event.path, event.offset, half))
        return bytes(content)


def apply(content: bytearray, event: Event) -> None:
    """Write to, or cut off, the content of a file."""
    if event.kind == "truncate":
        del content[event.offset :]
        content.extend(b"\0" * (event.offset - len(content)))
        return
    if len(content) < event.offset:
        content.extend(b"\0" * (event.offset - len(content)))
    content[event.offset : event.offset + len(event.data)] = event.data


def events_of(trace: Path, folder: str) -> list[Event]:
    """Read a trace of strace -f -y -xx."""
    events: list[Event] = []
    begun: dict[str, tuple[str, str, int]] = {}
    offsets: dict[str, int] = {}
    with trace.open(encoding="latin-1") as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is None:
                continue
            thread, call, arguments, result, resumed, result_later = match.groups()
            if call is not None and result is None:
                begun[thread] = (call, arguments, len(events))
                if call in ("write", "sendto", "sendmsg", "writev"):
                    events += _answers(arguments)  # the app may have it before the call has returned
                continue
            if call is None:
                if thread not in begun:
                    continue
                call, arguments, began = begun.pop(thread)
                assert call == resumed
                result = result_later
            else:
                began = len(events)
                if call in ("write", "sendto", "sendmsg", "writev"):
                    events += _answers(arguments)
            if int(result) >= 0:
                events += _event(call, arguments, int(result), began, folder, offsets)
    return events


def _answers(arguments: str) -> Iterator[Event]:
    """Give the 202s that a write to a socket has in it."""
    for text in _TEXT.findall(arguments):
        for id in _JOB.findall(_bytes(text)):
            yield Event("ack", id.decode())


def _event(
    call: str, arguments: str, result: int, began: int, folder: str, offsets: dict[str, int]
) -> Iterator[Event]:
    file = _FILE.match(arguments)
    path = _bytes(file[1]).decode("latin-1") if file is not None else ""
    texts = [_bytes(text) for text in _TEXT.findall(arguments)]
    match call:
        case "openat" | "mkdir" | "mkdirat" if call != "openat" or "O_CREAT" in arguments:
            path = str(Path(folder).parent / texts[0].decode("latin-1"))
            if path.startswith(folder):
                offsets[path] = 0
                yield Event("folder" if call != "openat" else "create", path)
                if "O_TRUNC" in arguments:
                    yield Event("truncate", path)
        case "pwrite64" if path.startswith(folder):
            yield Event("write", path, int(arguments.rpartition(", ")[2]), texts[0][:result])
        case "write" if path.startswith(folder):
            yield Event("write", path, offsets.get(path, 0), texts[0][:result])
            offsets[path] = offsets.get(path, 0) + result
        case "ftruncate" if path.startswith(folder):
            yield Event("truncate", path, int(arguments.rpartition(", ")[2]))
        case "fsync" | "fdatasync":
            yield Event("sync", path, began=began)
        case "rename":
            yield Event("rename", texts[0].decode("latin-1"), data=texts[1])
        case "unlink":
            yield Event("unlink", texts[0].decode("latin-1"))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(_HEX.sub(r"\1", text))


class Disk:
    """The state directory as a disk has it while the events go by."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.files: dict[str, File] = {}
        self.folders: dict[str, bool] = {folder: False}
        self.acknowledged: list[str] = []

    def see(self, number: int, event: Event) -> None:
        """Take one event."""
        match event.kind:
            case "ack":
                self.acknowledged.append(event.path)
            case "create":
                self.files.setdefault(event.path, File())
            case "folder":
                self.folders.setdefault(event.path, False)
            case "write" | "truncate" if event.path in self.files:
                self.files[event.path].since.append((number, event))
            case "sync" if event.path in self.files:
                self.files[event.path].sync(event.began)
            case "sync":  # of a folder: the names in it are sure
                for path, file in self.files.items():
                    file.named |= str(Path(path).parent) == event.path
                for path in self.folders:
                    self.folders[path] |= str(Path(path).parent) == event.path
            case "rename" if event.path in self.files:
                self.files[event.data.decode("latin-1")] = self.files.pop(event.path)
            case "unlink":
                self.files.pop(event.path, None)

    def cut(self, into: Path, dice: random.Random) -> None:
        """Write down what may be left of it when the power fails now."""
        there = {path for path, sure in self.folders.items() if sure or dice.random() < 0.5}
        for path, file in self.files.items():
            kept = all(
                str(above) in there for above in Path(path).parents if str(above).startswith(self._folder)
            )
            if path.endswith("-shm") or not kept or not (file.named or dice.random() < 0.5):
                continue
            to = into / Path(path).relative_to(self._folder)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(file.after(dice))


def lost(into: Path, acknowledged: list[str]) -> tuple[str, list[str]]:
    """Open what is left: what SQLite says of it, and the acknowledged jobs that are not there."""
    path = into / "jobs.db"
    if not acknowledged and not path.exists():
        return "ok", []
    connection = sqlite3.connect(path)
    try:
        if not acknowledged and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            return "ok", []
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        missing = []
        for id in acknowledged:
            row = connection.execute(
                "SELECT state, body, size FROM jobs LEFT JOIN requests USING (seq) WHERE id = ?", (id,)
            ).fetchone()
            if row is None or (row[0] == "queued" and row[2] is None):
                missing.append(id)
            elif row[0] == "queued" and row[1] is None:
                file = into / "bodies" / id
                if not file.exists() or file.stat().st_size != row[2]:
                    missing.append(id)
        return str(whole), missing
    except sqlite3.Error as error:
        return str(error), []
    finally:
        connection.close()


def record(folder: Path, jobs: int, dice: random.Random) -> Path:
    """Run Outrider under strace until so many jobs were acknowledged."""
    trace = folder / "trace"

    def provide(request: ReceivedRequest) -> Script:
        return reply(503 if dice.random() < 1 / 3 else 200)

    with FakeProvider(provide) as provider:
        (folder / "config.toml").write_text(CONFIG.format(folder=folder, url=provider.url))
        command = [
            "strace",
            "-f",
            "-qq",
            "-y",
            "-xx",
            "-s",
            "1048576",
            "-e",
            f"trace={CALLS}",
            "-o",
            str(trace),
        ]
        command += [sys.executable, "-m", "outrider", "run", "--config", str(folder / "config.toml")]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        writers = Writers(folder, dice)
        writers.start()
        until = time.monotonic() + 300
        while len(writers.acknowledged) < jobs and time.monotonic() < until:
            time.sleep(0.05)
        writers.stop()
        process.send_signal(signal.SIGKILL)
        # strace itself was killed: what it traced ends with it, or by the pid that it wrote down.
        process.wait()
        process.stdout.close()
        with trace.open(encoding="latin-1") as lines:
            for pid in {int(line.split(" ", 1)[0]) for line in lines}:
                _kill(pid)
    return trace


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def run(jobs: int, cuts: int, seed: int) -> dict[str, object]:
    """Record once, cut often."""
    dice = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="outrider-power-"))
    try:
        trace = record(folder, jobs, dice)
        state = f"{folder}/.outrider"
        events = events_of(trace, state)
        moments = sorted(dice.sample(range(len(events)), min(cuts, len(events))))
        disk, damaged, missing, checked = Disk(state), 0, 0, 0
        for number, event in enumerate(events):
            disk.see(number, event)
            if moments and number == moments[0]:
                moments.pop(0)
                checked += 1
                into = folder / "cut"
                into.mkdir()
                disk.cut(into, dice)
                whole, gone = lost(into, disk.acknowledged)
                damaged += whole != "ok"
                missing += len(gone)
                if whole != "ok" or gone:
                    print(f"event {number} of {len(events)}: {whole}, {len(gone)} missing", file=sys.stderr)
                shutil.rmtree(into)
        kinds = [event.kind for event in events]
        return {
            "seed": seed,
            "writes": kinds.count("write"),
            "syncs": kinds.count("sync"),
            "acknowledged": len(disk.acknowledged),
            "cuts": checked,
            "damaged": damaged,
            "missing": missing,
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut the power at random moments and look for jobs.")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = parser.parse_args()
    told = run(given.jobs, given.cuts, given.seed)
    for name, value in told.items():
        print(f"{name:13} {value}")
    sys.exit(0 if not told["damaged"] and not told["missing"] and told["acknowledged"] else 1)


if __name__ == "__main__":
    main()
