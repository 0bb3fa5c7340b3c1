"""The access log: one line for each exchange, on stderr. `server.access_log = false` turns it off.

A line never has a query, a header or a body in it: credentials stand there.
"""

from __future__ import annotations

import logging
from time import monotonic

from outrider.plugin import Config, Events, ExchangeDone, hookimpl

from .why.record import STEPS

LOG = logging.getLogger("outrider.access")


def log(event: ExchangeDone) -> None:
    """Write the line of one exchange. Times are milliseconds."""
    exchange = event.exchange
    steps = exchange.noted(STEPS)
    overhead_s = exchange.response_s - exchange.upstream_s - exchange.waited_s
    LOG.info(
        "%s %s %s",
        exchange.method or "-",
        exchange.path or "-",
        event.status or "left",
        extra={
            "exchange": {
                "id": exchange.id,
                "integration": exchange.integration.name,
                "client": exchange.client,
                "method": exchange.method,
                "path": exchange.path,
                "status": event.status,
                "attempts": exchange.attempts,
                "ms": round((monotonic() - exchange.started) * 1e3, 1),
                "provider_ms": round(exchange.upstream_s * 1e3, 1),
                "wait_ms": round(exchange.waited_s * 1e3, 1),
                "overhead_ms": round(max(0.0, overhead_s) * 1e3, 1),
                "broken": event.broken,
                **({"steps": [step.as_json() for step in steps]} if steps else {}),
            }
        },
    )


@hookimpl
def outrider_subscribe(events: Events, config: Config) -> None:
    """Listen, unless the log is off: then this costs nothing."""
    if config.server.access_log:
        events.on(ExchangeDone, log)
