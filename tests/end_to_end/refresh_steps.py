"""The steps of a refresh in the real program, and how it is ended at one of them."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: While the token request is under way: seconds after it was begun.
DURING, DURING_S = "during the request", 0.004
#: The window in which a new refresh token can be lost: after the first of these, up to the second.
BEGIN, END = "before the request", "before replace .json"


class Steps:
    """What a refresh does, step by step, in the process that does it; it may end at one of them."""

    def __init__(self, fatal: str, times: int, record: Path | None) -> None:
        self._fatal = fatal
        self._left = times
        self._record = record
        self._names: dict[int, str] = {}

    def at(self, step: str) -> bool:
        """Pass a step; whether it is the last one, unless it is over by then."""
        if self._record is not None:
            with self._record.open("a") as file:
                file.write(step + "\n")
        if step == self._fatal:
            self._left -= 1
            if self._left == 0:
                if step != DURING:
                    os.kill(os.getpid(), signal.SIGKILL)
                return True
        return False

    def watch(self) -> None:
        """Stand around all that a refresh asks of the system."""
        from outrider_plugins.auth import kept, oauth2

        kept.os = _Around(os, ("open", "write", "fsync", "replace", "close"), self)  # type: ignore[attr-defined]
        kept.fcntl = _Around(kept.fcntl, ("flock",), self)  # type: ignore[attr-defined]
        fetch = oauth2.fetch

        async def watched(*given: Any, **named: Any) -> Any:
            self.at(BEGIN)
            if self.at(DURING):
                asyncio.get_running_loop().call_later(DURING_S, os.kill, os.getpid(), signal.SIGKILL)
            answer = await fetch(*given, **named)
            self.at("after the answer")
            return answer

        oauth2.fetch = watched  # type: ignore[attr-defined]

    def name(self, given: object, made: object = None) -> str:
        """Name what a call is about: the end of a file's name, also by the number that it was opened as."""
        if isinstance(given, int):
            return self._names.get(given, "?")
        name = "".join(Path(str(given)).suffixes) or "folder"
        if isinstance(made, int):
            self._names[made] = name
        return name


class _Around:
    """A module whose named functions pass a step before and after."""

    def __init__(self, module: Any, names: tuple[str, ...], steps: Steps) -> None:
        self._module = module
        self._around = {name: self._wrap(name, getattr(module, name), steps) for name in names}

    def __getattr__(self, name: str) -> Any:
        return self._around.get(name) or getattr(self._module, name)

    @staticmethod
    def _wrap(name: str, function: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            about = given[1] if name == "replace" else given[0]
            steps.at(f"before {name} {steps.name(about)}")
            made = function(*given, **named)
            steps.at(f"after {name} {steps.name(about, made if name == 'open' else None)}")
            return made

        return wrapped


def serve(folder: str, number: int, fatal: str, times: int, record: Path | None) -> None:
    """Be the program, in a process that has it loaded already."""
    from outrider.cli import main

    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    Steps(fatal, times, record).watch()
    os.chdir(folder)
    sys.argv = ["outrider", "run", "--config", f"{folder}/{number}.toml"]
    main()
