"""The fake providers: `fixed` answers 1 KiB as cheaply as can be, `streams` sends events and bulk.

Both answer `GET /whoami` with the Authorization field that they saw.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import machine, processes, wire
from bench.peers.base import find
from bench.peers.nginx import quiet

ROOT = Path(__file__).resolve().parents[2]
START_S = 10.0
JSON_BYTES = 1024

# nginx as the provider: nothing answers with less CPU, so that the load's core does not hold the proxy back.
NGINX = """\
daemon off;
worker_processes 1;
error_log stderr error;
{process}
events {{ worker_connections 4096; }}
http {{
    {files}
    access_log off;
    default_type application/json;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /whoami {{ return 200 '$http_authorization'; }}
        location / {{ return 200 '{body}'; }}
    }}
}}
"""


@contextlib.contextmanager
def serve_fixed(folder: Path, ports: set[int]) -> Iterator[int]:
    """Run the provider of 1 KiB JSON while the block lasts; gives its port."""
    port = machine.free_port(ports)
    nginx = find("nginx")
    if nginx is None:
        command = [sys.executable, "-m", "bench.upstreams.fixed", str(port)]
    else:
        body = wire.json_body(JSON_BYTES).decode()
        config = folder / "upstream.conf"
        config.write_text(NGINX.format(port=port, body=body, **quiet(folder)))
        command = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with _serving(command, port, folder / "upstream.log"):
        yield port


@contextlib.contextmanager
def serve_streams(folder: Path, ports: set[int]) -> Iterator[int]:
    """Run the provider of events and bulk while the block lasts; gives its port."""
    port = machine.free_port(ports)
    command = [sys.executable, "-m", "bench.upstreams.streams", str(port)]
    with _serving(command, port, folder / "upstream.log"):
        yield port


@contextlib.contextmanager
def _serving(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    with processes.running(command, core=machine.LOAD_CORE, folder=ROOT, log=log) as process:
        deadline = time.monotonic() + START_S
        while True:
            try:
                wire.fetch(port, "/whoami", timeout_s=1)
                break
            except wire.WireError as exc:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the upstream does not start: {processes.last_line(log)}") from exc
                time.sleep(0.05)
        yield
