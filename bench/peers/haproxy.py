"""HAProxy, with one thread. Its counters are always kept, so metrics need no switch."""

from __future__ import annotations

from collections.abc import Mapping

from bench.peers.base import Site, find
from bench.processes import output

CONFIG = """\
global
    nbthread 1
    maxconn {connections}
    # Where the limit of open files is tight it counts for more than HAProxy's own sum.
    no strict-limits
defaults
    mode http
    option http-no-delay
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
{defaults}
frontend apps
    bind 127.0.0.1:{port} backlog 4096
    default_backend provider
{frontend}
backend provider
    http-request replace-path /bench(/.*) \\\\1
    http-request set-header Authorization "Bearer {token}"
    server provider 127.0.0.1:{upstream} pool-max-conn 128 {server}
"""

FRONTEND = """\
    stick-table type integer size 100 expire 10s store http_req_rate(1s)
    http-request track-sc0 int(1)
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
"""


class HAProxy:
    name = "haproxy"

    def missing(self) -> str | None:
        return None if find("haproxy") else "not installed; apt-get install haproxy"

    def version(self) -> str:
        return output([find("haproxy") or "haproxy", "-v"]).split()[2]

    def environ(self, site: Site) -> Mapping[str, str]:
        return {}

    def command(self, site: Site) -> list[str]:
        defaults = frontend = server = ""
        if site.policies:
            defaults = "    retries 3\n    retry-on conn-failure empty-response 502 503 504"
            frontend = FRONTEND
            server = "check inter 1h observe layer7 error-limit 50 on-error mark-down"
        config = site.folder / "haproxy.cfg"
        config.write_text(
            CONFIG.format(
                port=site.port,
                upstream=site.upstream,
                token=site.token,
                connections=site.connections + 512,
                defaults=defaults,
                frontend=frontend,
                server=server,
            )
        )
        return [find("haproxy") or "haproxy", "-db", "-f", str(config)]
