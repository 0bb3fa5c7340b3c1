"""Listening sockets: TCP or Unix, for all integrations or for one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import stat
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from .connection import KEEP_ALIVE_S, Connection
from .errors import Forbidden, OutriderError, StartError, Unavailable
from .farewell import LINGER_S
from .heads import Heads
from .reading import HEAD_S, READ_BUFFER
from .refusals import MAX_FIELDS, MAX_LINE

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

    from .config import Listen
    from .server import Server

_log = logging.getLogger("outrider")

BACKLOG = 1024
#: struct ucred: pid, uid, gid.
_UCRED = struct.Struct("3i")


class Listener(web.Server):
    """One address on which apps call. It makes a `Connection` for each that is accepted."""

    def __init__(
        self,
        address: Listen,
        server: Server,
        integration: str = "",
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(_unused, handler_cancellation=True)
        self.address = address
        self._tls = None if address.is_unix else tls
        self.scheme = "http" if self._tls is None else "https"
        """How an app addresses it."""
        self.server = server
        self.integration = integration
        """The one integration that is reached here, "" for all."""
        self.heads = Heads()
        """The heads that came here of late."""
        self._listening: asyncio.Server | None = None
        self._open: set[Connection] = set()

    def __repr__(self) -> str:
        return f"<Listener {self.url}, {len(self._open)} connections>"

    def __call__(self) -> Connection:
        """Make the protocol of an accepted connection."""
        return Connection(
            self,
            self.server.handle,
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_FIELDS,
            read_bufsize=READ_BUFFER,
        )

    @property
    def url(self) -> str:
        """What `run` prints: where it listens, the port that was taken included."""
        if self.address.is_unix:
            return f"unix:{self.address.path}"
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def port(self) -> int:
        """The port, the one that was taken where the file says 0."""
        if self._listening is None or self.address.is_unix:
            return self.address.port
        return int(self._listening.sockets[0].getsockname()[1])

    def opened(self, connection: Connection) -> OutriderError | None:
        """Count a connection; say why it is refused, where it is."""
        self._open.add(connection)
        if not self.server.opened():
            return Unavailable("too many connections", error_type="connection_limit_reached", retry_after_s=1)
        if self.address.is_unix:
            return self._stranger(connection)
        return None

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self.server.closed()

    async def open(self) -> None:
        """Start to accept. StartError in one line where that cannot be."""
        self._listening = await open_socket(self.address, self, tls=self._tls)
        self.admit_users()

    def admit_users(self) -> None:
        """Let other users reach a Unix socket where `server.uids` says which; nobody else otherwise."""
        if self.address.is_unix:
            mode = 0o600 if self.server.table.config.server.uids is None else 0o666
            try:
                os.chmod(self.address.path, mode)
            except OSError as error:  # who cleans up /tmp takes sockets too
                reason = (error.strerror or type(error).__name__).lower()
                _log.error("%s cannot be reached: %s; restart to listen there again", self.url, reason)

    def _stranger(self, connection: Connection) -> Forbidden | None:
        """Ask the system whose process connected to a Unix socket (unix(7), SO_PEERCRED)."""
        uids = self.server.table.config.server.uids
        if uids is None or connection.transport is None:
            return None
        peer = connection.transport.get_extra_info("socket")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _, uid, _ = _UCRED.unpack(credentials)
        return None if uid in uids else Forbidden(f"user id {uid} is not among server.uids")

    def close(self) -> None:
        """Stop to accept; connections go on."""
        if self._listening is not None:
            close_socket(self._listening, self.address)

    def drain(self) -> None:
        """Close idle connections now, and the others when their request is answered."""
        for connection in list(self._open):
            connection.drain()

    def abort(self) -> None:
        """Cut off what is still open."""
        for connection in list(self._open):
            connection.abort()


def close_socket(listening: asyncio.Server, address: Listen) -> None:
    """Stop to accept; the path goes too, which Python leaves there before 3.13."""
    listening.close()
    if address.is_unix:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address.path)


async def open_socket(
    address: Listen,
    protocol: Callable[[], asyncio.BaseProtocol],
    *,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """Bind and listen; the socket of a path is for this user alone (0600)."""
    loop = asyncio.get_running_loop()
    try:
        if address.is_unix:
            _clear_stale(address.path)
            server = await loop.create_unix_server(protocol, address.path, backlog=BACKLOG)
            os.chmod(address.path, stat.S_IRUSR | stat.S_IWUSR)
            return server
        return await loop.create_server(
            protocol,
            address.host,
            address.port,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else HEAD_S,
            # An idle app reads no goodbye and sends none; the default would wait 30 s for it.
            ssl_shutdown_timeout=None if tls is None else LINGER_S,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if "address already in use" in reason or "already in use" in str(error):
            raise StartError(
                f"{address}: the address is in use; stop what listens there, or change it"
            ) from None
        if address.is_unix and isinstance(error, FileNotFoundError):
            reason = "its folder is not there; make it, or name another path"
        raise StartError(f"{address}: cannot listen: {reason}") from None


def _clear_stale(path: str) -> None:
    """Remove the socket of a run that was killed; one that somebody answers on is in use."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise StartError(f"unix:{path}: there is a file of this name that is not a socket; move it away")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise StartError(f"unix:{path}: the address is in use; stop what listens there, or change it")


async def _unused(request: BaseRequest) -> web.StreamResponse:
    raise AssertionError("Connection answers by itself")
