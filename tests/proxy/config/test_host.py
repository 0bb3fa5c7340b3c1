import pytest

from outrider.config.host import is_loopback, parse_host


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("outrider.internal", "outrider.internal"),
        ("Outrider.Internal", "outrider.internal"),
        ("my_container", "my_container"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_has_one_form(written, host):
    """Lower case, IPv6 compressed and without brackets: so that two can be compared."""
    assert parse_host(written) == host


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("https://a.example", "without scheme and path"),
        ("a.example/x", "without scheme and path"),
        ("*.example", "a wildcard is refused"),
        ("*", "a wildcard is refused"),
        ("a.example:80", "without a port"),
        ("[::1]:80", "without a port"),
        ("", "must be a bare host name"),
        ("a..b", "must be a bare host name"),
        ("-a", "must be a bare host name"),
        ("user@a", "must be a bare host name"),
        ("a b", "must be a bare host name"),
        ("a\n", "must be a bare host name"),
        ("127.1", "must be a bare host name"),
        ("0x7f.0.0.1", "must be a bare host name"),
        ("2130706433", "must be a bare host name"),
        ("010.0.0.1", "must be a bare host name"),
        ("fe80::1%eth0", "must be a bare host name"),
        ("bücher.example", "must be a bare host name"),
        ("a" * 64, "must be a bare host name"),
        (3, "must be a host name in quotes"),
    ],
)
def test_what_is_no_bare_host_is_refused(written, words):
    """Also the short forms of addresses, which resolvers and people read differently."""
    with pytest.raises(ValueError, match=words):
        parse_host(written)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("stripe.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("notlocalhost", False),
    ],
)
def test_loopback_is_this_machine_alone(host, loopback):
    """127/8, ::1 and localhost with all below it (RFC 6761)."""
    assert is_loopback(host) is loopback
