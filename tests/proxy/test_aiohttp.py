"""What we lean on of aiohttp's private side: these fail when it changes."""

import inspect

import pytest
from aiohttp import TCPConnector, http_parser, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from outrider.config import BaseUrl
from outrider.testing import FakeProvider
from outrider.transport.pool import Pool

SERVER_SLOTS = (
    "_messages",
    "_waiter",
    "_request_count",
    "_buffer_paused",
    "_max_msg_queue_size",
    "_msg_queue_resume_size",
    "_force_close",
    "_next_keepalive_close_time",
    "_keepalive_handle",
    "_task_handler",
)


def test_the_c_parser_is_loaded() -> None:
    """The one in Python lets through what the C one refuses, and is ten times slower."""
    assert http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy
    assert http_parser.HttpResponseParser is not http_parser.HttpResponseParserPy
    assert hasattr(http_parser.HttpRequestParser, "message_consumed")


@pytest.mark.parametrize("name", SERVER_SLOTS)
def test_the_servers_protocol_has_its_slots(name: str) -> None:
    """`Connection.start` replaces aiohttp's loop and keeps to its state."""
    assert name in (*web.RequestHandler.__slots__, *BaseProtocol.__slots__)


@pytest.mark.parametrize(
    "name", ["_resume_reading_if_drained", "_process_keepalive", "start", "data_received"]
)
def test_the_servers_protocol_has_its_methods(name: str) -> None:
    """Those that we call or replace."""
    assert callable(getattr(web.RequestHandler, name))


def test_the_servers_loop_is_the_one_that_was_read() -> None:
    """Its steps are ours too: wait, pop, tell the parser, resume."""
    source = inspect.getsource(web.RequestHandler.start)
    for step in (
        "self._waiter = loop.create_future()",
        "self._messages.popleft()",
        "message_consumed()",
        "_resume_reading_if_drained()",
    ):
        assert step in source


def test_the_protocols_base_drains_and_resumes() -> None:
    """`_drain_helper` waits while writing is paused; `resume_reading` takes `resume_parser`."""
    assert inspect.iscoroutinefunction(BaseProtocol._drain_helper)
    assert "resume_parser" in inspect.signature(BaseProtocol.resume_reading).parameters
    assert {"_reading_paused", "_parser", "transport"} <= set(BaseProtocol.__slots__)


def test_an_empty_body_is_one_object() -> None:
    """So that asking for it is a comparison."""
    assert isinstance(EMPTY_PAYLOAD, StreamReader)
    assert EMPTY_PAYLOAD.is_eof()


def test_a_request_has_its_message_and_its_version() -> None:
    """The admin listener checks the one, and answers in a version of its own by the other."""
    source = inspect.getsource(web.BaseRequest.__init__)
    assert "self._message = message" in source
    assert "self._version = message.version" in source
    assert "request.version" in inspect.getsource(web.StreamResponse)


async def test_the_connector_connects_our_stand_in() -> None:
    """`connect()` reads no more of a request than `_Origin` has, and makes the protocol of `_factory`."""
    assert "_factory" in inspect.getsource(TCPConnector._create_direct_connection)
    with FakeProvider() as provider:
        pool = Pool(BaseUrl.parse(provider.url), tls=None, own_ports=(), connect_s=5.0)
        protocol = await pool.connect()
        pool.put_back(protocol)

        assert pool.checkout() is protocol
        pool.drop(protocol)
        await pool.close()


def test_a_body_has_its_pieces_in_its_buffer() -> None:
    """The whole body of a response is taken from it without `read_nowait`, and a piece without `readany`."""
    assert {"_buffer", "_eof", "_exception", "_waiter", "_eof_waiter", "_loop"} <= set(StreamReader.__slots__)
    assert "self._buffer.popleft()" in inspect.getsource(StreamReader._read_nowait_chunk)
    assert "self._waiter = None" in inspect.getsource(StreamReader.feed_data)
    assert "self._buffer.append(data)" in inspect.getsource(StreamReader.feed_data)
    assert "self._eof = True" in inspect.getsource(StreamReader.feed_eof)
    for ends in (StreamReader.feed_eof, StreamReader.set_exception):
        assert "waiter = self._eof_waiter" in inspect.getsource(ends)
