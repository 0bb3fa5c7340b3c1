"""What commands have in common: the `--config` option, a compiled table, and a running Outrider to ask."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .compile import Compiled, Compiler
from .config import Config, Listen, load
from .errors import StartError
from .logs import escaped
from .secrets import SecretMissing, Vault
from .state import ADMIN_TOKEN, admin_of, state_dir_of

if TYPE_CHECKING:
    from .registry import Registry
    from .table import Table

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="The file that describes the integrations.",
)
"""Every command takes it; the parameter is `path`."""


def compile_or_exit(registry: Registry, path: Path, *, secrets: bool = True, aside: bool = False) -> Compiled:
    """Compile, or print every problem, `aside` on stderr, and end with exit code 2."""
    compiled = Compiler(path, registry, secrets=secrets).compile()
    if compiled.table is None:
        for problem in compiled.problems:
            click.echo(str(problem), err=aside)
        sys.exit(2)
    return compiled


def table_of(registry: Registry, path: Path, *, aside: bool = False) -> Table:
    """Compile without any secret, so that drafts are in it; print problems and end as `compile_or_exit`."""
    table = compile_or_exit(registry, path, secrets=False, aside=aside).table
    assert table is not None
    return table


class Running:
    """The Outrider that runs with this configuration, asked through its admin listener."""

    def __init__(self, config: Config, *, timeout_s: float | None = 5.0) -> None:
        self._config = config
        self._address = admin_of(config)
        self._timeout_s = timeout_s

    @classmethod
    def of(cls, registry: Registry, path: Path, *, timeout_s: float | None = 5.0) -> Running:
        """Find it by the file. StartError where the file cannot be read."""
        loaded = load(path, registry.vocabulary)
        if loaded.config is None:
            raise StartError("\n".join(str(problem) for problem in loaded.problems))
        return cls(loaded.config, timeout_s=timeout_s)

    @property
    def integrations(self) -> tuple[str, ...]:
        """The names of those in the file."""
        return tuple(self._config.integrations)

    def get(self, target: str) -> AbstractContextManager[http.client.HTTPResponse]:
        """Give the response, its body unread. StartError where nothing answers, or not with a 200 or 404."""
        return self.ask("GET", target)

    @contextmanager
    def ask(self, method: str, target: str) -> Iterator[http.client.HTTPResponse]:
        """Ask for anything, a change too; the response and errors are those of `get`."""
        connection = _Connection(self._address, self._timeout_s)
        with closing(connection):
            try:
                connection.request(method, target, headers=self._headers())
                response = connection.getresponse()
            except (OSError, http.client.HTTPException):
                raise StartError(
                    f"the admin listener at {self._address} does not answer; is `outrider run` running?"
                ) from None
            if response.status == 401:
                raise StartError(
                    f"the admin listener at {self._address} wants another token: "
                    "was it started with this file, by this user?"
                )
            if response.status not in (200, 404):
                raise StartError(
                    f"the admin listener at {self._address} answered {response.status}{_why(response)}"
                )
            yield response

    def _headers(self) -> dict[str, str]:
        # The file of the state directory opens everything, and is no secret that must be given.
        with suppress(OSError, ValueError):
            kept = (state_dir_of(self._config) / ADMIN_TOKEN).read_text("ascii").strip()
            return {"Authorization": f"Bearer {kept}"}
        token = self._config.server.admin_token
        if token is None:
            return {}
        try:
            value = Vault(self._config.folder).get(token).value
        except SecretMissing as missing:
            raise StartError(f"server.admin_token: {missing}") from None
        return {"Authorization": f"Bearer {value}"}


def _why(response: http.client.HTTPResponse) -> str:
    """Give what a problem (RFC 9457) says of itself, after a colon; "" for anything else."""
    with suppress(OSError, ValueError, http.client.HTTPException, KeyError, TypeError):
        return f": {escaped(str(json.load(response)['detail']))}"
    return ""


class _Connection(http.client.HTTPConnection):
    """Speaks HTTP to a listener, which may be a Unix socket."""

    def __init__(self, address: Listen, timeout_s: float | None) -> None:
        super().__init__("localhost")
        self._to = address
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Connect to the listener itself, whatever the Host is."""
        self.sock = connect(self._to, self._timeout_s)


def connect(address: Listen, timeout_s: float | None = 3.0) -> socket.socket:
    """Connect to a listener of this machine. OSError where nobody accepts."""
    if address.is_unix:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            connection.connect(address.path)
        except OSError:
            connection.close()
            raise
        return connection
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return socket.create_connection((host, address.port), timeout=timeout_s)
