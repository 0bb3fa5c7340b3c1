"""The error table `on`, row by row: what each key and action does to a call, through the real program.

One sidecar serves all rows, each an integration with a fallback. The provider fails a row's call as the
row says; `NOBODY` listens nowhere. Two attempts are made where a retry is wanted.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from end_to_end.raw import Answer, Wire
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, Step, raw, reply

NOBODY, DROPS, WAITS, LIMITED = "listens nowhere", "drops the connection", "does not answer", "our own limit"
MESSAGE = 599


@dataclass(frozen=True, slots=True)
class Row:
    """A call, what becomes of it, and how often each provider was asked."""

    id: str
    on: str
    """What the file says; the defaults where empty."""
    failure: int | str
    method: str
    status: int
    first: int
    second: int
    alert: str = ""


# fmt: off
DEFAULTS = [
    Row("ok", "", 200, "GET", 200, 1, 0),
    Row("400", "", 400, "GET", 400, 1, 0),
    Row("401", "", 401, "GET", 401, 1, 0, alert="failed: 401"),
    Row("403", "", 403, "GET", 403, 1, 0),
    Row("404", "", 404, "GET", 404, 1, 0),
    Row("408", "", 408, "GET", 408, 2, 0),
    Row("409", "", 409, "GET", 409, 1, 0),
    Row("429", "", 429, "GET", 200, 2, 1),
    Row("429-post", "", 429, "POST", 200, 2, 1),
    Row("500", "", 500, "GET", 200, 2, 1),
    Row("500-post", "", 500, "POST", MESSAGE, 1, 0),
    Row("501", "", 501, "GET", 501, 1, 0),
    Row("502", "", 502, "PUT", 200, 2, 1),
    Row("503", "", 503, "DELETE", 200, 2, 1),
    Row("504", "", 504, "GET", 200, 2, 1),
    Row("505", "", 505, "GET", 505, 1, 0),
    Row("599", "", 599, "GET", 200, 2, 1),
    Row("unreachable", "", NOBODY, "GET", 200, 0, 1),
    Row("unreachable-post", "", NOBODY, "POST", 200, 0, 1),
    Row("dropped", "", DROPS, "GET", 200, 2, 1),
    Row("dropped-post", "", DROPS, "POST", MESSAGE, 1, 0),
    Row("timeout", "", WAITS, "GET", 200, 2, 1),
    Row("timeout-post", "", WAITS, "POST", MESSAGE, 1, 0),
    Row("limited", "", LIMITED, "GET", 200, 1, 1),
    Row("limited-post", "", LIMITED, "POST", 200, 1, 1),
]
GIVEN = [
    Row("401-failover", '"401" = ["failover"]', 401, "GET", 200, 1, 1),
    Row("401-failover-post", '"401" = ["failover"]', 401, "POST", 200, 1, 1),
    Row("401-pass", '"401" = ["pass"]', 401, "GET", 401, 1, 0),
    Row("403-alert", '"403" = ["alert"]', 403, "GET", 403, 1, 0, alert="failed: 403"),
    Row("404-retry", '"404" = ["retry"]', 404, "GET", 404, 2, 0),
    Row("404-retry-post", '"404" = ["retry"]', 404, "POST", 404, 1, 0),
    Row("404-message", '"404" = ["message"]', 404, "GET", MESSAGE, 1, 0),
    Row("4xx-message", '"4xx" = ["message"]', 422, "GET", MESSAGE, 1, 0),
    Row("4xx-is-not-429", '"4xx" = ["message"]', 429, "GET", 200, 2, 1),
    Row("429-pass", '"429" = ["pass"]', 429, "GET", 429, 1, 0),
    Row("429-failover", '"429" = ["failover"]', 429, "POST", 200, 1, 1),
    Row("5xx-pass", '"5xx" = ["pass"]', 500, "GET", 500, 1, 0),
    Row("5xx-retry", '"5xx" = ["retry"]', 500, "GET", 500, 2, 0),
    Row("5xx-failover", '"5xx" = ["failover"]', 500, "GET", 200, 1, 1),
    Row("5xx-message", '"5xx" = ["message"]', 500, "GET", MESSAGE, 1, 0),
    Row("5xx-retry-message", '"5xx" = ["retry", "message"]', 500, "GET", MESSAGE, 2, 0),
    Row("5xx-retry-alert", '"5xx" = ["retry", "alert"]', 502, "GET", 502, 2, 0, alert="failed: 502"),
    Row("5xx-is-not-501", '"5xx" = ["retry"]', 501, "GET", 501, 1, 0),
    Row("503-over-5xx", '"503" = ["message"]\n"5xx" = ["retry"]', 503, "GET", MESSAGE, 1, 0),
    Row("503-not-502", '"503" = ["message"]\n"5xx" = ["pass"]', 502, "GET", 502, 1, 0),
    Row("unreachable-pass", 'unreachable = ["pass"]', NOBODY, "GET", 502, 0, 0),
    Row("unreachable-message", 'unreachable = ["message"]', NOBODY, "POST", MESSAGE, 0, 0),
    Row("unreachable-retry", 'unreachable = ["retry"]', DROPS, "GET", MESSAGE, 2, 0),
    Row("unreachable-alert", 'unreachable = ["alert", "failover"]', DROPS, "GET", 200, 1, 1,
        alert="failed: unreachable"),
    Row("timeout-pass", 'timeout = ["pass"]', WAITS, "GET", 504, 1, 0),
    Row("timeout-failover", 'timeout = ["failover"]', WAITS, "GET", 200, 1, 1),
    Row("timeout-failover-post", 'timeout = ["failover", "pass"]', WAITS, "POST", 504, 1, 0),
    Row("timeout-message", 'timeout = ["message"]', WAITS, "POST", MESSAGE, 1, 0),
    Row("timeout-alert", 'timeout = ["alert", "pass"]', WAITS, "GET", 504, 1, 0, alert="failed: timeout"),
    Row("limited-pass", 'limited = ["pass"]', LIMITED, "GET", 429, 1, 0),
    Row("limited-message", 'limited = ["message"]', LIMITED, "GET", MESSAGE, 1, 0),
    Row("limited-alert", 'limited = ["alert", "failover"]', LIMITED, "GET", 200, 1, 1,
        alert="failed: limited"),
]
# fmt: on
ROWS = [*DEFAULTS, *GIVEN]

TABLE = """
[integrations.{id}]
base_url = "{url}"
auth = {{ type = "none" }}
timeout = {{ response = "150ms" }}
retry = {{ attempts = 2, base = "1ms", cap = "2ms" }}
{limits}
[integrations.{id}.fallback]
targets = ["spare"]
message = {{ status = {message}, body = "sorry" }}
[integrations.{id}.on]
{on}
"""
SPARE = """
[integrations.spare]
base_url = "{url}"
auth = {{ type = "none" }}
"""


def fail(request: ReceivedRequest) -> Script:
    """Fail a call as its row says; a limited one is well answered, and the next is not sent."""
    (row,) = (row for row in ROWS if f"/{row.id}" == request.target)
    if row.failure in (DROPS, WAITS):
        return raw(Step.CLOSE if row.failure == DROPS else Step.WAIT)
    return reply(row.failure if isinstance(row.failure, int) else 200)


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[FakeProvider, FakeProvider]]:
    with FakeProvider(fail) as first, FakeProvider(lambda request: reply(200, "spare")) as second:
        yield first, second


@pytest.fixture(scope="module")
def sidecar(providers: tuple[FakeProvider, FakeProvider]) -> Iterator[Sidecar]:
    first, second = providers
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    tables = [
        TABLE.format(
            id=row.id,
            url=nobody if row.failure == NOBODY else first.url,
            limits='limits = [{ rate = "1/h", burst = 1, wait = "1ms" }]' if row.failure == LIMITED else "",
            message=MESSAGE,
            on=row.on,
        )
        for row in ROWS
    ]
    with Sidecar("".join([*tables, SPARE.format(url=second.url)])) as running:
        yield running


def call(sidecar: Sidecar, row: Row) -> Answer:
    framing = "Content-Length: 0\r\n" if row.method in ("POST", "PUT") else ""
    with Wire(sidecar.port) as wire:
        head = f"{row.method} /{row.id}/{row.id} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n"
        wire.send(head.encode())
        return wire.answer()


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_a_row(row: Row, sidecar: Sidecar, providers: tuple[FakeProvider, FakeProvider]) -> None:
    """Status, the requests at each provider, and what is said of it."""
    if row.failure == LIMITED:
        call(sidecar, row)
    answer = call(sidecar, row)
    asked = tuple(
        sum(request.target == f"/{row.id}" for request in provider.requests) for provider in providers
    )

    assert (answer.status, asked) == (row.status, (row.first, row.second))
    assert (answer.body == b"sorry") is (row.status == MESSAGE)
    assert (answer.body == b"spare") is bool(row.second)
    if row.alert:
        sidecar.until_said(f"integration '{row.id}': {row.alert}")
    else:
        assert f"integration '{row.id}': failed" not in sidecar.stderr


def test_every_key_and_action_has_a_row() -> None:
    """Those of the contract; `refresh` and `queue` have tests of their own."""
    text = " ".join(row.on for row in ROWS)
    for word in (
        "retry",
        "failover",
        "message",
        "alert",
        "pass",
        "4xx",
        "5xx",
        "unreachable",
        "timeout",
        "limited",
    ):
        assert word in text
