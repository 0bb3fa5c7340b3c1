"""Fields: what passes, what is ours, what cannot be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.headers import HOP_BY_HOP, OURS_OR_PROXY, Filter, Headers, connection_names, field, serialize


@given(st.sampled_from(sorted(HOP_BY_HOP)), st.randoms())
def test_a_hop_by_hop_field_never_passes(name: bytes, random) -> None:  # type: ignore[no-untyped-def]
    """In whatever case it is written, also the second time."""
    written = bytes(random.choice((byte, byte ^ 0x20)) if chr(byte).isalpha() else byte for byte in name)
    filter = Filter(HOP_BY_HOP)

    assert filter.apply([(written, b"x")]) == filter.apply([(written, b"x")]) == []


def test_names_of_ours_never_pass() -> None:
    """Neither `Outrider-*` nor, in a request, `Proxy-*`."""
    given = [(b"Outrider-Id", b"1"), (b"X-OUTRIDER-x", b"1"), (b"Proxy-Foo", b"1"), (b"Keep", b"1")]

    assert Filter(frozenset(), OURS_OR_PROXY).apply(given) == [(b"Keep", b"1")]


def test_what_connection_names_goes() -> None:
    """All of the Connection fields count."""
    named = connection_names(["close, X-A", "x-b"])

    assert Filter(frozenset()).apply([(b"x-a", b"1"), (b"X-B", b"1"), (b"X-C", b"1")], named) == [
        (b"X-C", b"1")
    ]


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("X", "a\r\nB: c"), ("X\n", "a"), ("X", "\x00")])
def test_nothing_can_be_split(name: str, value: str) -> None:
    """A control character is refused where a field is made."""
    with pytest.raises(ValueError, match="control character"):
        field(name, value)


def test_headers_read_and_write() -> None:
    """Names in any case, order kept, values never in a repr."""
    headers = Headers([(b"A", b"1"), (b"b", b"2"), (b"a", b"3")])
    headers.set("B", "4")
    headers.add("C", "s3cret")

    assert headers.get("a") == "1"
    assert headers.get_all("A") == ["1", "3"]
    assert serialize(headers) == b"A: 1\r\na: 3\r\nB: 4\r\nC: s3cret\r\n"
    assert "s3cret" not in repr(headers)
