"""A running sidecar: the real program as a process of its own."""

import asyncio
import http.client
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from outrider.testing.canaries import Canaries

_FREE_PORTS: Final = '\n[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n'
_LISTENING: Final = "listening "
_METRIC_SUFFIXES: Final = ("", "_total", "_count", "_sum", "_bucket")
#: What is asked of the admin listener at the end, to be looked through for secrets.
_PAGES: Final = ("/metrics", "/api/integrations", "/")


class SidecarError(Exception):
    """The sidecar did not start, or did not end, or told a secret; the text has what it said on stderr."""


class Sidecar:
    """`outrider run` on free ports, with a configuration of the test's.

        with Sidecar(f'''
            [integrations.acme]
            base_url = "{provider.url}"
        ''') as sidecar:
            httpx.get(f"{sidecar.url}/acme/v1/things")

    `config` is TOML, or the path of a file with it. Either is written to a temporary directory, which
    is also the working directory: what is relative counts from there. Where it has no `[server]`
    table, one with free ports is added at its end, so that line numbers hold.

    At its end everything that it wrote is looked through for its secrets, in every form: stdout, stderr,
    the admin's pages and its files. One that shows up is a SidecarError. The secrets are those behind
    the `env:` and `file:` references of the configuration, from six characters on, and `canaries`.
    """

    def __init__(
        self,
        config: str | Path,
        *,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 60.0,
    ) -> None:
        self._config = config
        self._env = {**os.environ, **(env or {})}
        self._args = args
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._directory: Path | None = None
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._said: list[str] = []
        self._heard = threading.Condition()
        self._code: int | None = None
        self._printed: list[str] = []
        self.canaries = Canaries(self._env)
        """The secrets that nothing may show; `add` further ones: tokens that a test's server gives, say."""
        self.urls: list[str] = []
        """Every listener: the server's first, then the integrations' own, the admin's last."""

    def __repr__(self) -> str:
        if self._process is None:
            return f"<Sidecar {'not started' if self._code is None else f'ended with {self._code}'}>"
        return f"<Sidecar {self.pid} at {', '.join(self.urls)}>"

    @property
    def url(self) -> str:
        """The first listener of the proxy: `http://127.0.0.1:PORT` or `unix:/path`."""
        return self.urls[0]

    @property
    def admin_url(self) -> str:
        """The admin listener."""
        return self.urls[-1]

    @property
    def port(self) -> int:
        """The port of `url`."""
        port = urlsplit(self.url).port
        assert port is not None, f"{self.url} has no port"
        return port

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    @property
    def stderr(self) -> str:
        """All that the sidecar has logged so far; also when it has ended."""
        return "".join(self._said)

    def until_said(self, text: str, timeout_s: float = 10.0) -> None:
        """Block until it has said this on stderr; in an async test use it through a thread."""
        with self._heard:
            if not self._heard.wait_for(lambda: text in self.stderr, timeout_s):
                raise TimeoutError(f"{text!r} not said within {timeout_s:g} s; stderr:\n{self.stderr}")

    @property
    def config_path(self) -> Path:
        """The file that it reads; see `write`."""
        assert self._directory is not None, "not started"
        return self._directory / "config.toml"

    def write(self, config: str | Path) -> None:
        """Replace the configuration file in one step; the sidecar sees it by itself, or on a SIGHUP."""
        new = self.config_path.with_suffix(".new")
        text = _with_server(config)
        new.write_text(text)
        new.replace(self.config_path)
        self.canaries.learn(self.config_path)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running().send_signal(number)

    def metric(self, name: str, **labels: str) -> float:
        """Scrape the sum of all samples of this name that carry these labels.

        It is 0 where none does; a name that `/metrics` does not know at all is a LookupError.
        """
        known, total = False, 0.0
        for family in text_string_to_metric_families(self._scrape()):
            known = known or name in {family.name + suffix for suffix in _METRIC_SUFFIXES}
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    total += sample.value
        if not known:
            raise LookupError(f"{self.admin_url}/metrics has no {name}")
        return total

    def start(self) -> Self:
        """Start the program; return once every listener accepts, or raise with what it said."""
        self._directory = Path(tempfile.mkdtemp(prefix="outrider-"))
        text = _with_server(self._config)
        self.config_path.write_text(text)
        self.canaries.learn(self.config_path)
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "outrider", "run", "--config", str(self.config_path), *self._args],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        assert process.stderr is not None
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def print_line(line: str) -> None:
            self._printed.append(line)
            lines.put(line)

        self._readers = [
            _read(process.stdout, print_line, at_end=lambda: lines.put(None)),
            _read(process.stderr, self._hear),
        ]
        try:
            self._await_listeners(lines, _listener_count(text))
        except BaseException:
            process.kill()
            self._clean_up(process)
            raise
        return self

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code; where it does not end in time, kill it and raise."""
        process = self._process
        if process is None:
            assert self._code is not None, "not started"
            return self._code
        pages = self._pages()
        process.terminate()
        try:
            process.wait(self._stop_timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            self._clean_up(process)
            raise SidecarError(
                f"no end within {self._stop_timeout_s:g} s of SIGTERM, so killed; stderr:\n{self.stderr}"
            ) from None
        return self._clean_up(process, pages)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _await_listeners(self, lines: "queue.SimpleQueue[str | None]", count: int) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while len(self.urls) < count:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise SidecarError(
                    f"{len(self.urls)} of {count} listeners within {self._start_timeout_s:g} s; "
                    f"stderr:\n{self.stderr}"
                ) from None
            if line is None:
                code = self._running().wait(self._stop_timeout_s)
                self._readers[1].join()
                raise SidecarError(f"ended with {code} at the start; stderr:\n{self.stderr}")
            if line.startswith(_LISTENING):
                self.urls.append(line.removeprefix(_LISTENING).strip())

    def _hear(self, line: str) -> None:
        with self._heard:
            self._said.append(line)
            self._heard.notify_all()

    def _running(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "not running"
        return self._process

    def _clean_up(self, process: "subprocess.Popen[str]", pages: Mapping[str, str] | None = None) -> int:
        self._code = process.wait()
        for reader in self._readers:
            reader.join()
        self._process = None
        if self._directory is not None:
            said = {"stdout": "".join(self._printed), "stderr": self.stderr, **(pages or {})}
            told = self.canaries.told(said, self.config_path)
            shutil.rmtree(self._directory, ignore_errors=True)
            if told:
                raise SidecarError(told)
        return self._code

    def _pages(self) -> dict[str, str]:
        """Ask for what the admin listener shows, where it still answers."""
        pages: dict[str, str] = {}
        if not self.admin_url.startswith("http:"):
            return pages
        with suppress(OSError, http.client.HTTPException):
            for path in _PAGES:
                pages[path] = self._get(path, timeout_s=2)[1]
        return pages

    def _get(self, path: str, timeout_s: float = 10) -> tuple[int, str]:
        admin = urlsplit(self.admin_url)
        connection = http.client.HTTPConnection(admin.hostname or "", admin.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def _scrape(self) -> str:
        status, text = self._get("/metrics")
        if status != 200:
            raise SidecarError(f"GET {self.admin_url}/metrics: {status}\n{text}")
        return text


def _with_server(config: str | Path) -> str:
    text = config.read_text() if isinstance(config, Path) else config
    return text if "server" in _parsed(text) else text + _FREE_PORTS


def _listener_count(text: str) -> int:
    """Count the lines that a start prints; a draft's own listener is not expected."""
    config = _parsed(text)
    integrations = config.get("integrations", {}).values()
    own = [each["listen"] for each in integrations if "listen" in each and each.get("status") != "draft"]
    listeners = [config.get("server", {}).get("listen", ""), *own]
    return 1 + sum(len(each) if isinstance(each, list) else 1 for each in listeners)


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # What is wrong with it is for the program to say.
        return {}


def _read(
    pipe: IO[str], take: Callable[[str], None], at_end: Callable[[], None] = lambda: None
) -> threading.Thread:
    def read() -> None:
        with pipe:
            for line in pipe:
                take(line)
        at_end()

    thread = threading.Thread(target=read, name="sidecar-output", daemon=True)
    thread.start()
    return thread
