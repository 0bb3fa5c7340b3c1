"""nginx, with one worker. Its counters (stub_status) are always kept, so metrics need no switch."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path

from bench.peers.base import Site, find
from bench.processes import output

CONFIG = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile {connections};
error_log stderr error;
{process}
events {{ worker_connections {connections}; }}
http {{
    {files}
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    proxy_max_temp_file_size 0;
    {zone}
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Authorization "Bearer {token}";
        {policies}
        location /bench/ {{ proxy_pass http://provider/; }}
        location /bench/events {{ proxy_pass http://provider/events; proxy_buffering off; }}
        location /bench/sink {{ proxy_pass http://provider/sink; proxy_request_buffering off; }}
    }}
}}
"""


def quiet(folder: Path) -> dict[str, str]:
    """Give the settings that keep nginx's own files in `folder`, and its worker the user that we are."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    user = f"user {getpass.getuser()}; " if os.getuid() == 0 else ""
    return {
        "process": f"{user}pid {folder}/nginx.pid;",
        "files": " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
    }


class Nginx:
    name = "nginx"

    def missing(self) -> str | None:
        return None if find("nginx") else "not installed; apt-get install nginx-light"

    def version(self) -> str:
        return output([find("nginx") or "nginx", "-v"]).rpartition("/")[2].split()[0]

    def environ(self, site: Site) -> Mapping[str, str]:
        return {}

    def command(self, site: Site) -> list[str]:
        zone = policies = ""
        if site.policies:
            zone = "limit_req_zone $server_name zone=all:64k rate=1000000r/s;"
            # No breaker: nginx ignores max_fails where there is one server only.
            policies = (
                "limit_req zone=all burst=1000000 nodelay; "
                "proxy_next_upstream error timeout http_502 http_503 http_504; proxy_next_upstream_tries 3;"
            )
        config = site.folder / "nginx.conf"
        config.write_text(
            CONFIG.format(
                port=site.port,
                upstream=site.upstream,
                token=site.token,
                connections=2 * site.connections + 512,
                **quiet(site.folder),
                zone=zone,
                policies=policies,
            )
        )
        return [find("nginx") or "nginx", "-p", str(site.folder), "-e", "stderr", "-c", str(config)]
