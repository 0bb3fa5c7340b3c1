"""The admin listener: metrics, health, the console. A plain aiohttp application behind the same gate."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from . import gate
from .clients import bearer_or_basic
from .errors import Malformed, OutriderError, Unauthorized
from .ids import exchange_id
from .listener import open_socket
from .problem import answer

if TYPE_CHECKING:
    import asyncio

    from .app import App
    from .config import Listen
    from .registry import Registry

APP: web.AppKey[App] = web.AppKey("outrider")
"""Where a route finds the App: `request.app[APP]`."""

#: Nothing inline, nothing from elsewhere, in nobody's frame (SECURITY rule T1).
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Server": "outrider",
}
_READ = ("GET", "HEAD")
#: Health says nothing that a probe must not know, and probes have no token.
_OPEN = ("/healthz", "/readyz")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Admin:
    """Serves the admin's routes until the very end of the program."""

    def __init__(self, app: App, address: Listen, registry: Registry) -> None:
        self._app = app
        self._address = address
        application = web.Application(middlewares=[self._guard])
        application[APP] = app
        application.router.add_get("/healthz", _healthz)
        application.router.add_get("/readyz", _readyz)
        application.router.add_get("/api/jobs", _jobs)
        for _, route in registry.each("outrider_admin_routes"):
            application.router.add_routes([route])
        application.on_response_prepare.append(_finish)
        self._runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=15.0, lingering_time=0, auto_decompress=False
        )
        self._listening: asyncio.Server | None = None

    async def open(self) -> None:
        """Start to accept. StartError in one line where that cannot be."""
        await self._runner.setup()
        assert self._runner.server is not None
        self._listening = await open_socket(self._address, self._runner.server)

    @property
    def url(self) -> str:
        """What `run` prints."""
        if self._address.is_unix or self._listening is None:
            return f"unix:{self._address.path}"
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"http://{host}:{self._listening.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop, with the last answers given."""
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._check(request)
        except OutriderError as error:
            made = answer(error, id=exchange_id(), integration=None)
            return web.Response(
                status=made.status,
                body=await made.body.read(),
                headers=[(name.decode(), value.decode()) for name, value in made.headers],
            )
        return await handler(request)

    def _check(self, request: web.Request) -> None:
        gate.check_target(request.raw_path)
        if request.method not in gate.METHODS:
            raise Malformed("the method is not one that is understood", status=501)
        config = self._app.table.config
        names = [
            *config.server.hosts,
            *(gate.host_of_listener(self._address.host) if self._address.host else ()),
        ]
        gate.Hosts(names, ()).find(request.headers)
        gate.check_origin(request.headers, page=request.method in _READ)
        if config.server.admin_token is None or request.path in _OPEN:
            return
        token = self._app.table.vault.get(config.server.admin_token).value.encode()
        offered = [
            one for field in request.headers.getall("Authorization", ()) for one in bearer_or_basic(field)
        ]
        if not any(hmac.compare_digest(one.encode("utf-8", "surrogateescape"), token) for one in offered):
            raise Unauthorized("the admin listener wants admin_token as a Bearer")


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Outrider-Id", exchange_id())


async def _healthz(request: web.Request) -> web.Response:
    """Answer while the process lives."""
    return web.json_response({"status": "alive"})


async def _readyz(request: web.Request) -> web.Response:
    """Answer 503 once no new requests are taken."""
    if request.app[APP].server.draining:
        return web.json_response({"status": "draining"}, status=503)
    return web.json_response({"status": "ready"})


async def _jobs(request: web.Request) -> web.Response:
    """List the jobs: none, until there is a queue."""
    return web.json_response({"jobs": []})
