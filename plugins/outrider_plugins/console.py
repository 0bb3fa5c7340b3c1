"""The console: one plain page on the admin listener, and the JSON that it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from time import monotonic

from aiohttp import web

from outrider.plugin import APP, App, Integration, hookimpl

from . import limits
from .metrics import METRICS

_STATIC = files("outrider_plugins") / "console_static"
_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css"}


def describe(app: App) -> Mapping[str, object]:
    """Give what `/api/integrations` answers."""
    table = app.table
    integrations = []
    for name, section in table.config.integrations.items():
        found = table.integrations.get(name)
        integrations.append(
            {
                "name": name,
                "status": section.status,
                "routed": found is not None,
                "provider": section.provider,
                "purpose": section.purpose,
                "documentation": section.documentation,
                "auth": section.auth_type,
                **(_running(found) if found is not None else {"base_url": str(section.base_url or "")}),
                "traffic": _traffic(name),
            }
        )
    return {
        "version": app.version,
        "uptime_s": round(monotonic() - app.started, 1),
        "config": str(table.path),
        "config_ok": METRICS.reload_ok,
        "draining": app.server.draining,
        "listeners": [listener.url for listener in app.listeners],
        "integrations": integrations,
    }


def _running(integration: Integration) -> dict[str, object]:
    credential, incident = integration.target.credential, integration.target.incident
    return {
        "base_url": integration.target.where,
        "stack": integration.describe(),
        "breaker": METRICS.traffic[integration.name].breakers.get(integration.name),
        "limit_used": limits.used(integration.target),
        "limits": limits.describe(integration.target),
        "credential": credential.describe() if credential is not None else None,
        "incident": {"name": incident.name, "severity": incident.severity} if incident is not None else None,
        "paths": [f"/{integration.name}/", f"http://{integration.name}.localhost/"],
    }


def _traffic(name: str) -> dict[str, object]:
    traffic = METRICS.traffic.get(name)
    if traffic is None:
        return {"in_flight": 0, "requests": 0, "errors": 0, "attempts": 0, "mean_ms": None}
    requests = sum(traffic.requests.values())
    return {
        "in_flight": sum(one.in_flight for one in traffic.running),
        "requests": requests,
        "errors": sum(
            count for (_, status), count in traffic.requests.items() if status >= 400 or status == 0
        ),
        "attempts": sum(traffic.attempts.values()),
        "mean_ms": round(traffic.request.total / requests * 1e3, 1) if requests else None,
    }


async def integrations(request: web.Request) -> web.Response:
    """Answer `/api/integrations`."""
    return web.json_response(describe(request.app[APP]))


def _page(name: str) -> web.RouteDef:
    body = (_STATIC / name).read_bytes()
    kind = _TYPES[name.rpartition(".")[2]]

    async def page(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return web.get("/" if name == "index.html" else f"/{name}", page)


@hookimpl
def outrider_admin_routes() -> Iterable[web.RouteDef]:
    """Give the page, its parts and its data."""
    parts = [_page(name) for name in ("index.html", "console.js", "console.css")]
    return [*parts, web.get("/api/integrations", integrations)]
