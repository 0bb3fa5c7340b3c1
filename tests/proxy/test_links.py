"""Link and Location."""

import pytest

from outrider.config import BaseUrl
from outrider.links import Place, turn_back, turn_url

BASE = "http://127.0.0.1:8080/acme"
TARGET = (Place(BaseUrl.parse("https://api.acme.example/v1")),)
BOTH = (*TARGET, Place(BaseUrl.parse("https://uploads.acme.example"), "/_hosts/uploads"))


@pytest.mark.parametrize(
    ("given", "turned"),
    [
        ("https://api.acme.example/v1/x?y=1", f"{BASE}/x?y=1"),
        ("https://API.acme.example:443/v1/x", f"{BASE}/x"),
        ("/v1/x", "/acme/x"),
        ("//api.acme.example/v1/x", f"{BASE}/x"),
        ("https://api.acme.example/v2/x", "https://api.acme.example/v2/x"),
        ("https://api.acme.example/v1x", "https://api.acme.example/v1x"),
        ("http://api.acme.example/v1/x", "http://api.acme.example/v1/x"),
        ("https://api.acme.example:8443/v1/x", "https://api.acme.example:8443/v1/x"),
        ("https://user@api.acme.example/v1/x", "https://user@api.acme.example/v1/x"),
        ("https://evil.example/v1/x", "https://evil.example/v1/x"),
        ("https://[broken/v1", "https://[broken/v1"),
        ("?page=2", "?page=2"),
        ("https://api.acme.example/v1/../v2/x", "https://api.acme.example/v1/../v2/x"),
        ("/v1/%2E%2e/other", "/v1/%2E%2e/other"),
        ("/v1/x?path=/../y", "/acme/x?path=/../y"),
    ],
)
def test_location(given: str, turned: str) -> None:
    """The target's own origin and base path come back to the caller's address; the rest is verbatim."""
    assert turn_back([(b"Location", given.encode())], TARGET, BASE) == [(b"Location", turned.encode())]


def test_link() -> None:
    """Each URL of a Link by itself."""
    given = b'<https://api.acme.example/v1/x?p=2>; rel="next", <https://evil.example/>; rel="x"'

    assert turn_back([(b"Link", given)], TARGET, BASE) == [
        (b"Link", b'<http://127.0.0.1:8080/acme/x?p=2>; rel="next", <https://evil.example/>; rel="x"')
    ]


def test_a_quoted_parameter_is_no_target() -> None:
    """Angle brackets in a title are text, also after an escaped quote."""
    title = rb'title="a \" <https://api.acme.example/v1/x>"'
    given = b"<https://api.acme.example/v1/y>; " + title + b", </v1/z>"

    assert turn_back([(b"Link", given)], TARGET, BASE) == [
        (b"Link", b"<http://127.0.0.1:8080/acme/y>; " + title + b", </acme/z>")
    ]


def test_a_path_never_becomes_a_host() -> None:
    """Two slashes below the base path do not stand at the start of what the app gets."""
    turned = turn_back([(b"Location", b"/v1//evil.example")], TARGET, "http://acme.localhost:8080")

    assert turned == [(b"Location", b"http://acme.localhost:8080//evil.example")]


def test_further_origins() -> None:
    """Each comes back to its own place; a field that the provider names holds a URL too."""
    given = [
        (b"X-Upload-URL", b"https://uploads.acme.example/u/1?id=2"),
        (b"X-Other", b"https://uploads.acme.example/"),
    ]

    assert turn_back(given, BOTH, BASE, {b"x-upload-url"}) == [
        (b"X-Upload-URL", b"http://127.0.0.1:8080/acme/_hosts/uploads/u/1?id=2"),
        given[1],
    ]


def test_relative_to_a_further_origin() -> None:
    """What an upload's own response says is of the upload's origin."""
    assert turn_back([(b"Location", b"/u/1")], (BOTH[1], BOTH[0]), BASE) == [
        (b"Location", b"/acme/_hosts/uploads/u/1")
    ]


def test_urls_in_text() -> None:
    """Only absolute ones: an SDK joins the others to what it has."""
    assert turn_url("https://uploads.acme.example/u", BOTH, BASE) == f"{BASE}/_hosts/uploads/u"
    assert turn_url("/v1/x", BOTH, BASE) == "/v1/x"
    assert turn_url("https://other.example/", BOTH, BASE) == "https://other.example/"
