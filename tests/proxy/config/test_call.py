import pytest

from outrider.config.call import Call


@pytest.mark.parametrize(
    ("written", "method", "path", "matches"),
    [
        ("POST /v1/charges", "POST", "/v1/charges", True),
        ("POST /v1/charges", "GET", "/v1/charges", False),
        ("POST /v1/charges", "POST", "/v1/charges/", False),
        ("POST /v1/charges", "POST", "/v1/charge", False),
        ("POST /v1/charges", "POST", "/v1/charges\n", False),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/cus_1", True),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/a%20b%3F%252F", True),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/a%2Fcards", False),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/a%2fcards", False),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/a%5Ccards", False),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/%2F", False),
        ("GET /projects/{group}%2F{project}", "GET", "/projects/a%2fb", True),
        ("GET /projects/{group}%2F{project}", "GET", "/projects/a/b", False),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/a%", True),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/", False),
        ("GET /v1/customers/{id}", "GET", "/v1/customers/a/b", False),
        ("GET /v1/customers/{id}/cards/{card}", "GET", "/v1/customers/a/cards/b", True),
        ("POST /models/{model}:generate", "POST", "/models/pro-1.5:generate", True),
        ("POST /models/{model}:generate", "POST", "/models/:generate", False),
        ("GET /a.b", "GET", "/aXb", False),
        ("GET /", "GET", "/", True),
    ],
)
def test_a_call_matches_a_method_and_a_raw_path(written, method, path, matches):
    """`{id}` is one segment that is not empty; all else is literal, also what a regex would read otherwise."""
    assert Call.parse(written).matches(method, path) is matches


def test_a_call_is_written_as_it_was():
    """Spaces between the two are no difference."""
    call = Call.parse("POST   /v1/charges/{id}")

    assert str(call) == "POST /v1/charges/{id}"
    assert repr(call) == "Call('POST /v1/charges/{id}')"
    assert call == Call("POST", "/v1/charges/{id}")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("/v1/charges", "must be a method and a path"),
        ("POST", "must be a method and a path"),
        ("POST /a b", "must be a method and a path"),
        (" POST /a", "must be a method and a path"),
        ("", "must be a method and a path"),
        (3, "must be a method and a path"),
        ("post /a", "the method must be one of GET, HEAD"),
        ("TRACE /a", "the method must be one of GET, HEAD"),
        ("* /a", "the method must be one of GET, HEAD"),
        ("POST v1/charges", 'the path must begin with "/"'),
        ("POST https://api.stripe.com/v1", 'the path must begin with "/"'),
        ("GET /a?b=c", "a call has no query"),
        ("GET /a/{}", "a parameter is a name in braces"),
        ("GET /a/{id", "a parameter is a name in braces"),
        ("GET /a/id}", "a parameter is a name in braces"),
        ("GET /a/{i-d}", "a parameter is a name in braces"),
        ("GET /{a}{b}", "a parameter is a name in braces"),
        ("GET /a#b", "write it percent-encoded"),
        ("GET /a\\b", "write it percent-encoded"),
        ("GET /ä", "write it percent-encoded"),
        ("GET /a/../b", "the path has a dot segment"),
        ("GET /a/%2E", "the path has a dot segment"),
        ("GET /\x01", "write it percent-encoded"),
    ],
)
def test_what_is_no_call_is_refused(written, words):
    """Each mistake has its own remedy."""
    with pytest.raises(ValueError, match=words):
        Call.parse(written)
