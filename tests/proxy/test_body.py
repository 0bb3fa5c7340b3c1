"""Bodies of requests: streamed once, or kept up to a cap."""

import asyncio

import pytest

from outrider.body import KEEP_ONE, NO_BODY, Body
from outrider.errors import Malformed


def streaming(*pieces: bytes) -> Body:
    left = [*pieces, b""]

    async def source() -> bytes:
        return left.pop(0)

    return Body(None, source=source)


async def read(body: Body) -> bytes:
    return b"".join([piece async for piece in body.pieces()])


async def test_what_is_here_is_sent_again() -> None:
    """A whole body costs nothing to replay."""
    body = Body(b"hello", length=5)

    assert [await read(body), await read(body), body.replayable] == [b"hello", b"hello", True]


async def test_a_stream_is_sent_once() -> None:
    """Nothing is kept where nobody asked for it."""
    body = streaming(b"a", b"b")

    assert await read(body) == b"ab"
    assert not body.replayable


async def test_a_stream_that_is_kept() -> None:
    """The next attempt sends the same bytes, also after half of them."""
    body = streaming(b"a", b"b", b"c")
    body.keep()
    pieces = body.pieces()
    assert await anext(pieces) == b"a"
    await pieces.aclose()

    assert await read(body) == b"abc"
    assert await read(body) == b"abc"
    assert body.replayable
    body.close()


async def test_what_has_streamed_to_its_end_is_here() -> None:
    """Where it was kept, and not before its end."""
    body, gone = streaming(b"a", b"b"), streaming(b"a")
    body.keep()
    before = body.here
    await read(body)
    await read(gone)

    assert (before, body.here, gone.here, Body(b"ab").here) == (None, b"ab", None, b"ab")
    body.close()


async def test_past_the_cap() -> None:
    """The attempt under way gets all of it and is the only one."""
    body = streaming(b"x" * KEEP_ONE, b"y")
    body.keep()

    assert len(await read(body)) == KEEP_ONE + 1
    assert not body.replayable


async def test_no_body_is_one_object_that_nothing_changes() -> None:
    """Keeping and closing it does nothing."""
    NO_BODY.keep()
    NO_BODY.close()

    assert await read(NO_BODY) == b""
    assert NO_BODY.replayable


async def test_gathering_makes_a_stream_whole() -> None:
    """Once here in whole it has a length, can be sent again, and is given back when it is closed."""
    body = streaming(b"ab", b"c")

    assert await body.gather() == b"abc"
    assert (await read(body), await read(body), body.length) == (b"abc", b"abc", 3)
    body.close()


async def test_gathering_past_the_cap() -> None:
    """There is no body to be had any more, and what was kept is given back."""
    body = streaming(b"x" * KEEP_ONE, b"y", b"z")

    assert await body.gather() is None
    assert not body.replayable


@pytest.mark.parametrize("body", [Body(b"aabb", length=4), streaming(b"aa", b"bb")], ids=["whole", "streams"])
async def test_recoding_a_body(body: Body) -> None:
    """Each piece and its end pass through; what is kept for another attempt is what came of it."""
    ended = []

    def decode(piece: bytes) -> bytes:
        ended.append(not piece)
        return piece.replace(b"a", b"")

    body.recode(decode, length=2)
    body.keep()

    assert [await read(body), await read(body)] == [b"bb", b"bb"]
    assert (body.length, ended.count(True)) == (2, 1)
    body.close()


async def test_a_reader_that_is_not_done_gives_it_back() -> None:
    """An attempt that was answered early waits for the next piece; that one is the next attempt's."""
    more: asyncio.Queue[bytes] = asyncio.Queue()
    body = Body(None, source=more.get)
    body.keep()
    early = asyncio.ensure_future(read(body))
    more.put_nowait(b"a")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await body.take_back()
    again = asyncio.ensure_future(read(body))
    for piece in (b"b", b""):
        more.put_nowait(piece)

    assert await again == b"ab"
    assert early.cancelled()
    await body.take_back()
    body.close()


async def test_the_body_of_requests_without_one_stays_empty() -> None:
    """It is shared by all of them: what one request did to it would be sent by every other."""
    with pytest.raises(AttributeError, match="give the exchange a new Body"):
        NO_BODY.data = b"GET /evil HTTP/1.1\r\n\r\n"

    def refusing(piece: bytes) -> bytes:
        raise Malformed("no such body")

    with pytest.raises(Malformed):
        NO_BODY.recode(refusing, length=10)
    with pytest.raises(AttributeError):
        NO_BODY.recode(lambda piece: b"", length=10)

    assert (await NO_BODY.gather(), NO_BODY.length, NO_BODY.replayable) == (b"", None, True)
