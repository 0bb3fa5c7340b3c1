import pytest

from outrider.config.listen import Listen


@pytest.mark.parametrize(
    ("written", "host", "port", "path", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, "", True),
        ("127.0.0.2:0", "127.0.0.2", 0, "", True),
        ("[::1]:8080", "::1", 8080, "", True),
        ("localhost:8080", "localhost", 8080, "", True),
        ("unix:/run/outrider.sock", "", 0, "/run/outrider.sock", True),
        ("unix:outrider.sock", "", 0, "outrider.sock", True),
        ("0.0.0.0:8080", "0.0.0.0", 8080, "", False),
        ("[::]:8080", "::", 8080, "", False),
        ("10.0.0.1:8080", "10.0.0.1", 8080, "", False),
        ("outrider.internal:8080", "outrider.internal", 8080, "", False),
    ],
)
def test_a_listener_is_a_host_and_port_or_a_unix_socket(written, host, port, path, loopback):
    """A Unix socket is loopback too: nobody else's machine reaches it."""
    listen = Listen.parse(written)

    assert (listen.host, listen.port, listen.path) == (host, port, path)
    assert (listen.is_unix, listen.is_loopback) == (bool(path), loopback)
    assert str(listen) == written
    assert repr(listen) == f"Listen('{written}')"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (":8080", 'needs a host: "127.0.0.1:8080"'),
        ("*:8080", 'needs a host: "127.0.0.1:8080"'),
        ("8080", "must be host:port"),
        ("localhost", "needs a port"),
        ("127.0.0.1", "needs a port"),
        ("::1:8080", "must be host:port"),
        ("127.0.0.1:65536", "from 0 to 65535"),
        ("127.0.0.1:http", "must be host:port"),
        ("http://127.0.0.1:8080", "must be host:port"),
        ("127.0.0.1:8080/x", "must be host:port"),
        ("unix:", '"unix:" needs a path'),
        ("unix:/" + "x" * 107, '"unix:" needs a path of at most 107 bytes'),
        ("127.0.0.1:80\n", "must be an address"),
        ("", "must be host:port"),
        (8080, "must be an address"),
    ],
)
def test_what_is_no_listener_is_refused(written, words):
    """Also what other programs read as "every interface": it has to be said."""
    with pytest.raises(ValueError, match=words):
        Listen.parse(written)


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:80", "localhost:80", True),
        ("[::1]:80", "localhost:80", True),
        ("127.0.0.1:80", "[::1]:80", False),
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("0.0.0.0:80", "10.0.0.1:80", True),
        ("0.0.0.0:80", "[::]:80", False),
        ("[::]:80", "[::1]:80", True),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("unix:/a", "unix:/a", True),
        ("unix:/a", "unix:/b", False),
        ("unix:/a", "127.0.0.1:0", False),
    ],
)
def test_two_listeners_collide_where_the_second_could_not_bind(one, other, collide):
    """IPv6 sockets are bound without IPv4, so both wildcards can stand side by side."""
    first, second = Listen.parse(one), Listen.parse(other)

    assert (first.collides(second), second.collides(first)) == (collide, collide)


@pytest.mark.parametrize(
    ("listen", "host", "port", "answers"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80, True),
        ("127.0.0.1:80", "localhost", 80, True),
        ("127.0.0.1:80", "stripe.localhost", 80, True),
        ("127.0.0.1:80", "0.0.0.0", 80, True),
        ("127.0.0.1:80", "::1", 80, False),
        ("127.0.0.1:80", "127.0.0.1", 81, False),
        ("127.0.0.1:80", "api.stripe.com", 80, False),
        ("localhost:80", "::1", 80, True),
        ("0.0.0.0:80", "127.9.9.9", 80, True),
        ("0.0.0.0:80", "localhost", 80, True),
        ("0.0.0.0:80", "10.0.0.1", 80, False),
        ("[::]:80", "::", 80, True),
        ("127.0.0.1:0", "127.0.0.1", 0, False),
        ("unix:/a", "127.0.0.1", 0, False),
    ],
)
def test_a_listener_answers_to_every_name_of_itself(listen, host, port, answers):
    """As far as the text tells: what another machine's address is, it does not."""
    assert Listen.parse(listen).answers(host, port) is answers
