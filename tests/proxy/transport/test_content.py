"""The body of a provider's response."""

from typing import Any, cast

from aiohttp.streams import EMPTY_PAYLOAD

from outrider.transport.upstream import Content


async def test_a_body_that_the_parser_knows_to_be_empty_ends_at_once() -> None:
    """aiohttp has one object for all of them, without the state of any other body."""
    nobody = cast(Any, object())
    content = Content(nobody, nobody, EMPTY_PAYLOAD, None, 60.0)

    assert (content.take(), await content.read()) == (b"", b"")
