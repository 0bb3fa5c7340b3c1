"""Where an application finds an integration, and the line by which its SDK does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider.config import Server

if TYPE_CHECKING:
    from outrider.config import Listen
    from outrider.plugin import Provider


def addresses(name: str, server: Server | None) -> tuple[str, str]:
    """Give the address with the integration in its path, and the one with it in its host.

    Of the first TCP listener; "" for both where there are only Unix sockets.
    """
    chosen = server or Server()
    listen = next((one for one in chosen.listen if not one.is_unix), None)
    if listen is None:
        return "", ""
    scheme = "https" if chosen.tls is not None else "http"
    return f"{scheme}://{_host(listen)}:{listen.port}/{name}", f"{scheme}://{name}.localhost:{listen.port}"


def point(provider: type[Provider], name: str, server: Server | None) -> str:
    """Give the line that points the provider's SDK at the integration `name`; "" where it has none."""
    url, own_url = addresses(name, server)
    return provider.point_sdk(url, own_url) if url else ""


def _host(listen: Listen) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)
    return f"[{host}]" if ":" in host else host
