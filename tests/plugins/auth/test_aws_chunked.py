"""aws-chunked bodies: what is in them, however they are cut."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.plugin import Malformed
from outrider_plugins.auth.aws_chunked import Unchunked

CHUNK = st.binary(min_size=1, max_size=40)


@settings(deadline=None)
@given(st.lists(CHUNK), st.lists(st.integers(0, 300)), st.booleans())
def test_the_data_comes_out(chunks: list[bytes], cuts: list[int], trailer: bool) -> None:
    """Wherever the pieces end."""
    body = b"".join(b"%x;chunk-signature=ab\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    body += b"0;chunk-signature=ab\r\n" + (b"x-amz-checksum-crc32:AAAA\r\n" if trailer else b"") + b"\r\n"
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(edges) if start < end]
    unchunked = Unchunked(sum(map(len, chunks)))

    assert b"".join(unchunked(piece) for piece in pieces) + unchunked(b"") == b"".join(chunks)


@pytest.mark.parametrize("body", [b"", b"5\r\nhel", b"5\r\nhello\r\n", b"0", b"5\r\nhello\r\n0\r\n\r\n"])
def test_one_that_ends_too_early(body: bytes) -> None:
    """An upload that breaks off must not look whole."""
    unchunked = Unchunked(6)
    if body:
        unchunked(body)

    with pytest.raises(Malformed):
        unchunked(b"")


@pytest.mark.parametrize(
    "body", [b"hello world\r\n", b"-5\r\nhello", b"\r\n", b"x" * 2000, b"1" * 17 + b"\r\n", b"7\r\ntoo lon"]
)
def test_one_that_is_no_such_body(body: bytes) -> None:
    """Is refused."""
    with pytest.raises(Malformed):
        Unchunked(6)(body)
