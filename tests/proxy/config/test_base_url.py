import pytest

from outrider.config.base_url import BaseUrl


@pytest.mark.parametrize(
    ("written", "origin", "authority", "path"),
    [
        ("https://api.stripe.com", "https://api.stripe.com", "api.stripe.com", ""),
        ("https://api.stripe.com/", "https://api.stripe.com", "api.stripe.com", ""),
        ("https://api.stripe.com:443/v1/", "https://api.stripe.com", "api.stripe.com", "/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1:8000", ""),
        ("http://a:80", "http://a", "a", ""),
        ("http://a:443", "http://a:443", "a:443", ""),
        ("HTTPS://API.Example.com/V1", "https://api.example.com", "api.example.com", "/V1"),
        ("http://[::1]:8000/x", "http://[::1]:8000", "[::1]:8000", "/x"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]", "[2001:db8::1]", ""),
        ("https://a/b%20c/~d", "https://a", "a", "/b%20c/~d"),
    ],
)
def test_a_base_url_is_taken_apart_once(written, origin, authority, path):
    """Default ports are left out of the origin and the Host; the path is verbatim, without its last slash."""
    base_url = BaseUrl.parse(written)

    assert (base_url.origin, base_url.authority, base_url.path) == (origin, authority, path)
    assert str(base_url) == origin + path
    assert repr(base_url) == f"BaseUrl('{origin}{path}')"


def test_an_ipv6_host_is_kept_without_brackets():
    """As a resolver and a certificate have it."""
    base_url = BaseUrl.parse("https://[::1]")

    assert (base_url.scheme, base_url.host, base_url.port) == ("https", "::1", 443)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("api.stripe.com", 'must begin with "https://"'),
        ("ftp://a", 'must begin with "https://"'),
        ("https:/a", 'must begin with "https://"'),
        ("//a", 'must begin with "https://"'),
        ("https://", "must name a host"),
        ("https:///v1", "must name a host"),
        ("https://:443", "must name a host"),
        ("https://a:", "must name a host"),
        ("https://a:b", "must name a host"),
        ("https://a:1:2", "must name a host"),
        ("https://[::1", "must name a host"),
        ("https://::1", "must name a host"),
        ("https://a..b", "must name a host"),
        ("https://127.1", "must name a host"),
        ("https://0x7f000001", "must name a host"),
        ("https://a%2eb", "must name a host"),
        ("https://*.a", "must name a host"),
        ("https://a:0", "the port must be from 1 to 65535"),
        ("https://a:65536", "the port must be from 1 to 65535"),
        ("https://user:sk_live_51H@a", "must not have a user or password"),
        ("https://sk_live_51H@a", "must not have a user or password"),
        ("https://a?key=sk_live_51H", "must not have a query or a fragment"),
        ("https://a/?key=sk_live_51H", "must not have a query or a fragment"),
        ("https://a/#sk_live_51H", "must not have a query or a fragment"),
        ("https://a#@evil", "must not have a query or a fragment"),
        ("https://a\\@evil", "no spaces, backslashes"),
        ("https://a /b", "no spaces, backslashes"),
        (" https://a", "no spaces, backslashes"),
        ("https://a\r\nX: y", "no spaces, backslashes"),
        ("https://a\t", "no spaces, backslashes"),
        ("https://bücher.example", "xn-- form"),
        ("https://a/ü", "percent-encode"),
        ("https://a/b/../c", "must not have '.', '..'"),
        ("https://a/./c", "must not have '.', '..'"),
        ("https://a/%2e%2E/c", "must not have '.', '..'"),
        ("https://a/b/..", "must not have '.', '..'"),
        ("https://a//b", "must not have '.', '..' or empty segments"),
        ("https://a/b%zz", "write it percent-encoded"),
        ("https://a/{id}", "write it percent-encoded"),
        (3, "must be a URL"),
        (None, "must be a URL"),
    ],
)
def test_what_is_no_base_url_is_refused_and_never_repeated(written, words):
    """A key can hide in the user, the query or the fragment."""
    with pytest.raises(ValueError, match=words) as caught:
        BaseUrl.parse(written)

    assert "sk_live_51H" not in str(caught.value)
