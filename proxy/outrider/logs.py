"""The log, on stderr: lines for a person at a terminal, JSON for a collector. No secret gets through."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from .secrets import Redactor

REDACTOR = Redactor()
"""Knows every secret of the configuration that runs, and of those before it."""

conceal = REDACTOR.conceal

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def escaped(text: str) -> str:
    """Show control characters, so that a line stays a line (CVE-2024-45808 is the other way)."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


class TextFormatter(logging.Formatter):
    """`12:00:01 warning  text`; an exchange's numbers follow its line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record; a traceback keeps its lines."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():8} {escaped(record.getMessage())}"
        exchange = getattr(record, "exchange", None)
        if exchange is not None:
            shown = ("integration", "ms", "provider_ms", "attempts", "client", "id")
            line += "  " + " ".join(f"{name}={exchange[name]}" for name in shown if exchange[name] != "")
        if record.exc_info:
            lines = self.formatException(record.exc_info).splitlines()
            line += "\n" + "\n".join(escaped(one) for one in lines)
        return REDACTOR.clean(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `message`, the numbers of an exchange, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        entry.update(getattr(record, "exchange", {}))
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return REDACTOR.clean(json.dumps(entry, ensure_ascii=True, default=str))


def configure(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Send the log of this process to stderr."""
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if stream.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("outrider").setLevel(level)
