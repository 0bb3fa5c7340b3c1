"""The log: one line a record, and no secret in it."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.logs import REDACTOR, JsonFormatter, TextFormatter, configure, escaped

SECRETS = st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), min_size=6, max_size=20)
EXCHANGE = {"id": "i-1", "integration": "acme", "client": "", "ms": 1.5, "provider_ms": 1.0, "attempts": 1}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("outrider")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before


@pytest.fixture
def _knows_nothing() -> Iterator[None]:
    yield
    REDACTOR.know(())


def record(message: str, *arguments: object, error: BaseException | None = None, **extra: Any) -> Any:
    info = (type(error), error, None) if error is not None else None
    made = logging.LogRecord("outrider", logging.WARNING, __file__, 1, message, arguments, info)
    vars(made).update(extra)
    return made


def test_a_line_for_a_person() -> None:
    """Time, level and text; the numbers of an exchange follow, an empty one is left out."""
    line = TextFormatter().format(record("GET %s", "/x", exchange=EXCHANGE))

    assert line[8:] == " warning  GET /x  integration=acme ms=1.5 provider_ms=1.0 attempts=1 id=i-1"


def test_a_line_for_a_collector() -> None:
    """One JSON object, with the numbers of an exchange as they are and its time in UTC."""
    entry = json.loads(JsonFormatter().format(record("GET %s", "/x", exchange=EXCHANGE)))

    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "warning", "message": "GET /x", **EXCHANGE}


def test_a_traceback_is_kept() -> None:
    """Whoever reads of a crash wants to know where."""
    error = RuntimeError("oops")

    assert json.loads(JsonFormatter().format(record("x", error=error)))["traceback"] == "RuntimeError: oops"
    assert TextFormatter().format(record("x", error=error)).endswith(" x\nRuntimeError: oops")


@settings(deadline=None)
@given(st.text())
def test_a_line_stays_a_line(text: str) -> None:
    """What a caller sends cannot forge a second line or move a cursor (CVE-2024-45808)."""
    for line in (TextFormatter().format(record("%s", text)), JsonFormatter().format(record("%s", text))):
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in line)


def test_a_traceback_moves_no_cursor() -> None:
    """An exception's text can hold what a provider sent: its lines stay, other controls are shown."""
    line = TextFormatter().format(record("x", error=RuntimeError("a\n\x1b[2Jb")))

    assert "\x1b" not in line


def test_controls_are_shown() -> None:
    """By their numbers; everything else is as it was."""
    assert escaped("a\r\n\x1b[0m\x7f\x85é") == "a\\x0d\\x0a\\x1b[0m\\x7f\\x85é"


@pytest.mark.usefixtures("_knows_nothing")
@settings(deadline=None)
@given(SECRETS, st.sampled_from([TextFormatter(), JsonFormatter()]))
def test_no_secret_gets_through(secret: str, formatter: logging.Formatter) -> None:
    """Neither in a message nor in an exception's text."""
    REDACTOR.know([secret])
    line = formatter.format(record("key %s", f"[{secret}]", error=RuntimeError(f"<{secret}>")))

    shown = line if isinstance(formatter, TextFormatter) else str(json.loads(line))
    assert f"[{secret}]" not in shown
    assert f"<{secret}>" not in shown


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize(("stream", "begins"), [(Terminal(), ""), (io.StringIO(), "{")])
def test_a_terminal_gets_text_and_a_pipe_json(stream: io.StringIO, begins: str) -> None:
    """Ours from `info` on, other people's from `warning` on."""
    configure(stream)
    logging.getLogger("outrider.x").info("ours")
    logging.getLogger("other").info("theirs")
    logging.getLogger("other").warning("theirs, worse")

    lines = stream.getvalue().splitlines()

    assert [line.startswith(begins) for line in lines] == [True, True]
    assert ["ours" in lines[0], "theirs, worse" in lines[1]] == [True, True]


@pytest.mark.usefixtures("_restored")
def test_it_goes_to_stderr() -> None:
    """stdout is for what a command says."""
    configure()

    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
