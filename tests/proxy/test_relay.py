"""What goes to the app, byte for byte."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from outrider.body import NO_BODY
from outrider.config import BaseUrl, IntegrationConfig, Timeout
from outrider.errors import BrokenBody
from outrider.exchange import Exchange
from outrider.headers import Field
from outrider.integration import Integration, Target
from outrider.relay import relay
from outrider.response import Content, Generated, Response, Whole
from outrider.secrets import Vault

OURS = (
    b"Outrider-Id: id-1\r\nOutrider-Attempts: 2\r\nVia: 1.1 outrider\r\n"
    b"Server-Timing: outrider;dur=0, wait;dur=0, provider;dur=0\r\n"
)
FIELDS: list[Field] = [(b"ETag", b'"1"'), (b"X-A", b"\xe9")]
CORS: list[Field] = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"9")]


class App:
    """Stands in for the Connection: takes what is written, `slow` until it is asked to be drained."""

    def __init__(self, *, slow: bool = False) -> None:
        self.written: list[bytes] = []
        self.writing_paused = slow
        self.drained_s: list[float] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def drained(self, idle_s: float) -> None:
        self.drained_s.append(idle_s)


def exchange(method: str = "GET", headers: dict[str, str] | None = None) -> Exchange:
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name="acme", base_url=base, timeout=Timeout(idle=7))
    to = Integration("acme", section, Target("acme", section, base, None, Vault(Path())))
    fields = CIMultiDictProxy(CIMultiDict(headers or {}))
    made = Exchange("id-1", to, method, "/x", fields, (), NO_BODY, started=monotonic())
    made.attempts = 2
    return made


async def pieces(*given: bytes, then: Exception | None = None) -> AsyncGenerator[bytes, None]:
    for one in given:
        yield one
    if then is not None:
        raise then


async def relayed(
    body: Content,
    status: int = 200,
    method: str = "GET",
    fields: list[Field] = FIELDS,
    headers: dict[str, str] | None = None,
    *,
    app: App | None = None,
    made_here: bool = False,
    **how: bool,
) -> list[bytes]:
    """Give what was written, one entry for each write, with the times it took as 0."""
    app = app or App()
    to: Any = app
    response = Response(status, list(fields), body, made_here=made_here)
    rest = relay(to, exchange(method, headers), response, **{"keep": True, "http10": False, **how})
    if rest is not None:
        await rest
    return [re.sub(rb"dur=-?[0-9.]+", b"dur=0", one) for one in app.written]


def head(framing: bytes, line: bytes = b"200 OK", fields: bytes = b'ETag: "1"\r\nX-A: \xe9\r\n') -> bytes:
    return b"HTTP/1.1 " + line + b"\r\n" + fields + OURS + framing + b"\r\n"


async def test_a_whole_body_goes_out_in_one_write() -> None:
    """The provider's fields first and as they were, then ours, then the framing."""
    assert await relayed(Whole(b"abc")) == [head(b"Content-Length: 3\r\n") + b"abc"]


async def test_a_body_that_streams_goes_out_in_chunks_as_it_comes() -> None:
    """One write for the head and one for each piece; the last chunk says that it is complete."""
    assert await relayed(Generated(pieces(b"hello", b"x" * 17))) == [
        head(b"Transfer-Encoding: chunked\r\n"),
        b"5\r\nhello\r\n",
        b"11\r\n" + b"x" * 17 + b"\r\n",
        b"0\r\n\r\n",
    ]


async def test_an_app_of_http_1_0_gets_no_chunks() -> None:
    """Its body ends with the connection, also where it asked to keep that."""
    assert await relayed(Generated(pieces(b"hello")), http10=True) == [
        head(b"Connection: close\r\n"),
        b"hello",
    ]


@pytest.mark.parametrize(
    ("keep", "http10", "field"),
    [
        (True, False, b""),
        (True, True, b"Connection: keep-alive\r\n"),
        (False, False, b"Connection: close\r\n"),
        (False, True, b"Connection: close\r\n"),
    ],
)
async def test_the_app_is_told_whether_the_connection_stays(keep: bool, http10: bool, field: bytes) -> None:
    """Only where it differs from what its version of HTTP takes for granted, or it ends."""
    assert await relayed(Whole(b"abc"), keep=keep, http10=http10) == [
        head(b"Content-Length: 3\r\n" + field) + b"abc"
    ]


@pytest.mark.parametrize(
    ("method", "status", "line", "framing"),
    [
        ("HEAD", 200, b"200 OK", b"Content-Length: 10\r\n"),
        ("GET", 304, b"304 Not Modified", b"Content-Length: 10\r\n"),
        ("GET", 204, b"204 No Content", b""),
    ],
)
async def test_what_has_no_body_has_none(method: str, status: int, line: bytes, framing: bytes) -> None:
    """A HEAD and a 304 keep the length of what a GET would give, a 204 has none (RFC 9110 section 8.6)."""
    assert await relayed(Whole(b"", length=10), status, method) == [head(framing, line)]
    assert await relayed(Whole(b"0123456789"), status, method) == [head(framing, line)]


@pytest.mark.parametrize(
    ("status", "line"), [(201, b"201 Created"), (299, b"299 "), (529, b"529 "), (599, b"599 ")]
)
async def test_any_status_has_its_line(status: int, line: bytes) -> None:
    """One without a phrase has the space all the same (RFC 9112 section 4)."""
    assert await relayed(Whole(), status) == [head(b"Content-Length: 0\r\n", line)]


async def test_a_web_page_is_not_let_in_by_the_provider() -> None:
    """Its permission for other origins is taken off where one asks, and only there."""
    page = await relayed(Whole(), fields=[*CORS, (b"X-A", b"1")], headers={"Origin": "http://localhost"})
    program = await relayed(Whole(), fields=CORS)

    assert page == [head(b"Content-Length: 0\r\n", fields=b"X-A: 1\r\n")]
    assert program == [
        head(
            b"Content-Length: 0\r\n",
            fields=b"Access-Control-Allow-Origin: *\r\naccess-control-max-age: 9\r\n",
        )
    ]


async def test_only_what_outrider_made_gets_a_date_of_ours() -> None:
    """A provider's answer has its own (RFC 9110 section 6.6.1)."""
    [made] = await relayed(Whole(), fields=[], made_here=True)
    [passed] = await relayed(Whole(), fields=[])

    assert re.search(rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n", made)
    assert b"Date:" not in passed


async def test_the_times_are_told_apart() -> None:
    """What Outrider took, what it waited on purpose and what the provider took, in milliseconds."""
    app = App()
    to: Any = app
    one = exchange()
    one.started -= 1.0
    one.upstream_s, one.waited_s = 0.25, 0.5

    assert relay(to, one, Response(200, [], Whole()), keep=True, http10=False) is None

    times = re.search(
        rb"Server-Timing: outrider;dur=([0-9.]+), wait;dur=500.0, provider;dur=250.0\r\n", app.written[0]
    )
    assert times is not None
    assert float(times[1]) >= 250
    assert one.response_s >= 1.0


async def test_a_body_that_breaks_off_never_looks_complete() -> None:
    """There is no last chunk, and the connection hears of it."""
    app = App()

    with pytest.raises(BrokenBody, match="gone"):
        await relayed(Generated(pieces(b"hello", then=BrokenBody("gone"))), app=app)

    assert app.written[1:] == [b"5\r\nhello\r\n"]


@pytest.mark.parametrize(
    ("body", "waits"), [(Whole(b"abc"), 1), (Generated(pieces(b"a", b"b")), 2)], ids=["whole", "streams"]
)
async def test_an_app_that_reads_slowly_is_waited_for(body: Content, waits: int) -> None:
    """After each piece, for `timeout.idle` at the most."""
    app = App(slow=True)

    await relayed(body, app=app)

    assert app.drained_s == [7.0] * waits


async def test_an_app_that_reads_costs_no_coroutine_for_a_whole_body() -> None:
    """There is nothing to await."""
    to: Any = App()

    assert relay(to, exchange(), Response(200, [], Whole(b"abc")), keep=True, http10=False) is None
