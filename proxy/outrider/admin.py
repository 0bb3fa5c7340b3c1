"""The admin listener: metrics, health, the console. A plain aiohttp application behind the same gate.

What aiohttp answers by itself (malformed requests, unknown paths, an exception) is answered here, in the
words of every other refusal: nothing of the request and no version is in it.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError

from . import gate
from .clients import CLIENT_FIELD, bearer_or_basic
from .errors import Malformed, NotFound, OutriderError, StartError, Unauthorized
from .heads import END_OF_HEAD
from .ids import exchange_id
from .listener import close_socket, open_socket
from .problem import answer
from .refusals import (
    MAX_FIELDS,
    MAX_LINE,
    has_request_line,
    is_too_large,
    refusal_of,
    too_large,
    unknown_method,
)

if TYPE_CHECKING:
    from .app import App
    from .config import Listen
    from .registry import Registry

_log = logging.getLogger("outrider")

APP: web.AppKey[App] = web.AppKey("outrider")
"""Where a route finds the App: `request.app[APP]`."""

#: Nothing inline, nothing from elsewhere, in nobody's frame.
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
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
#: The longest body of a request, in bytes.
MAX_BODY = 1 << 20
#: Health says nothing that a probe must not know, and probes have no token.
_OPEN = ("/healthz", "/readyz")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Admin:
    """Serves the admin's routes until the very end of the program."""

    def __init__(self, app: App, address: Listen, registry: Registry) -> None:
        self._app = app
        self._address = address
        application = web.Application(middlewares=[_changing])
        application[APP] = app
        application.router.add_get("/healthz", _healthz)
        application.router.add_get("/readyz", _readyz)
        add_routes(application.router, registry)
        application.on_response_prepare.append(_finish)
        self._runner = web.AppRunner(application)
        self._listening: asyncio.Server | None = None

    async def open(self) -> None:
        """Start to accept. StartError in one line where that cannot be."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        server.request_handler = self._guarded(server.request_handler)
        self._listening = await open_socket(self._address, lambda: _Visit(server, self._app.server.blame))

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
            close_socket(self._listening, self._address)
        await self._runner.cleanup()

    def _guarded(self, handler: Handler) -> Handler:
        """Give the handler that asks the gate first, and words what the application refuses."""

        async def guarded(request: web.BaseRequest) -> web.StreamResponse:
            try:
                self._check(request)
                return await handler(request)
            except OutriderError as error:
                return _refusal(error)
            except web.HTTPException as exception:
                if exception.status < 400 or exception.content_type != "text/plain":
                    raise
                refusal = _refusal(_worded(exception.status))
                if "Allow" in exception.headers:
                    refusal.headers["Allow"] = exception.headers["Allow"]
                return refusal

        return guarded

    def _check(self, request: web.BaseRequest) -> None:
        message = request._message
        if message.version is not HttpVersion10:
            request._version = HttpVersion11  # that of the answer, whatever was asked in
        gate.check_request(message, MAX_BODY)
        if is_too_large(message):
            raise too_large()
        gate.check_target(request.raw_path)
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            raise _worded(417)
        config = self._app.table.config
        names = [
            *config.server.hosts,
            *(gate.host_of_listener(self._address.host) if self._address.host else ()),
        ]
        gate.Hosts(names, ()).find(request.headers)
        gate.check_origin(request.headers, page=request.method in _READ)
        reference = config.server.admin_token
        if reference is None or request.path in _OPEN:
            return
        # Who can read the file of the state directory is this user: no other token says more.
        token = self._app.table.vault.get(reference).value
        if not _offers(request, (token, self._app.state.admin_token)):
            raise Unauthorized("the admin listener wants admin_token as a Bearer")


def add_routes(router: web.UrlDispatcher, registry: Registry) -> None:
    """Add the plugins' routes. StartError for one that would never be asked, and names who is."""
    owners: dict[str, dict[str, str]] = {path: {"GET": "Outrider itself"} for path in ("/healthz", "/readyz")}
    for plugin, route in registry.each("outrider_admin_routes"):
        if not isinstance(route, web.AbstractRouteDef):
            given = type(route).__name__
            raise StartError(
                f"plugin '{plugin}': outrider_admin_routes gives {given}; give aiohttp.web.get(...), say"
            )
        if isinstance(route, web.RouteDef):
            # Which name a placeholder has makes no difference to what it matches.
            taken = owners.setdefault(_PLACEHOLDER.sub("{}", route.path), {})
            method = route.method.upper()
            for other, owner in taken.items():
                if method == other or "*" in (method, other):
                    raise StartError(
                        f"plugin '{plugin}': its admin route {method} {route.path} is one of {owner}; "
                        "give it another path"
                    )
            taken[method] = f"plugin '{plugin}'"
        try:
            router.add_routes([route])
        except (ValueError, RuntimeError, TypeError, AssertionError) as error:
            raise StartError(f"plugin '{plugin}': outrider_admin_routes: {error}") from error


class _Visit(web.RequestHandler):
    """One connection to the admin listener."""

    __slots__ = ("_begins_well", "_blame")

    def __init__(self, server: web.Server, blame: Callable[[BaseException, str], OutriderError]) -> None:
        # The two limits differ, so that which one was passed can be told.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=15.0,
            lingering_time=0,
            auto_decompress=False,
            max_line_size=MAX_LINE - 1,
            max_field_size=MAX_LINE,
            max_headers=MAX_FIELDS,
        )
        self._blame = blame
        self._begins_well = False

    def data_received(self, data: bytes) -> None:
        """Parse up to what is malformed; remember whether that began as a request does, for its answer.

        Head by head: aiohttp forgets the good requests that come in one piece with a malformed one.
        """
        *heads, rest = data.split(END_OF_HEAD)
        for piece in (*(head + END_OF_HEAD for head in heads), rest):
            before = self._request_count
            super().data_received(piece)
            if self._request_count != before and type(self._messages[-1][0]) is not RawRequestMessage:
                self._begins_well = has_request_line(piece)
                break

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and what a route raised; only the second is worth a line of the log.

        ConnectionError, which ends the connection, where a part of the answer has gone already.
        """
        if isinstance(exc, HttpProcessingError):
            unknown = isinstance(exc, BadHttpMethod) and self._begins_well
            response = _refusal(unknown_method() if unknown else refusal_of(exc))
        else:
            begun = request.writer.output_size > 0
            if isinstance(exc, ConnectionError) and (begun or request.transport is None):
                raise exc  # who asked has left
            where = f"in the admin's route for {request.path}"
            response = _refusal(self._blame(exc or TimeoutError(), where))
            if begun:
                raise ConnectionError("a part of the answer has gone already")
        response.force_close()
        return response


@web.middleware
async def _changing(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Ask for the token of the state directory where something is to be changed, and can be."""
    if request.method not in _READ and request.match_info.http_exception is None:
        state = request.app[APP].state
        state.ensure()
        if not _offers(request, (state.admin_token,)):
            raise Unauthorized("a change wants the token in state_dir/admin-token as a Bearer")
    return await handler(request)


def _offers(request: web.BaseRequest, tokens: Iterable[str]) -> bool:
    """Whether a request shows one of these tokens; "" is none."""
    offered = [
        one.encode("utf-8", "surrogateescape")
        for field in request.headers.getall("Authorization", ())
        for one in bearer_or_basic(field)
    ]
    offered += [
        field.encode("utf-8", "surrogateescape") for field in request.headers.getall(CLIENT_FIELD, ())
    ]
    wanted = [token.encode() for token in tokens if token]
    return any(hmac.compare_digest(one, token) for one in offered for token in wanted)


def _refusal(error: OutriderError) -> web.Response:
    made = answer(error, id=(id := exchange_id()), integration=None)
    fields: list[tuple[str, Any]] = [(name.decode(), value.decode()) for name, value in made.headers]
    return web.Response(
        status=made.status, body=made.body.take(), headers=[*fields, *HEADERS.items(), ("Outrider-Id", id)]
    )


def _worded(status: int) -> OutriderError:
    """Say in our words what aiohttp refuses by itself."""
    if status == 404:
        return NotFound("there is no such page here")
    words = {405: "the method is not for this path", 417: "only 100-continue can be expected"}
    return Malformed(words.get(status, "the request cannot be served"), status=status)


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
