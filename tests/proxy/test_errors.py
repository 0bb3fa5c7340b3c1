"""Every way in which an exchange can end with an answer of Outrider's own."""

import re

import pytest

from outrider import errors
from outrider.errors import AttemptFailed, OutriderError, PluginFailed, Rubbish, TooSlow, Unreachable

#: What comes back, as apps rely on it.
CONTRACT = {
    "OutriderError": 500,
    "Refused": 403,
    "Malformed": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "Misdirected": 421,
    "UpgradeRequired": 426,
    "Limited": 429,
    "AttemptFailed": 500,
    "Unreachable": 502,
    "Rubbish": 502,
    "Looping": 502,
    "PluginFailed": 502,
    "TooSlow": 504,
    "Unavailable": 503,
    "Open": 503,
}

#: RFC 9209 section 2.3.
REGISTERED = {
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "destination_not_found",
    "destination_unavailable",
    "http_protocol_error",
    "http_request_denied",
    "http_request_error",
    "http_response_timeout",
    "proxy_internal_error",
    "proxy_internal_response",
    "proxy_loop_detected",
}


def classes() -> list[type[OutriderError]]:
    found = [thing for thing in vars(errors).values() if isinstance(thing, type)]
    return [thing for thing in found if issubclass(thing, OutriderError)]


def test_each_has_the_status_of_the_contract() -> None:
    """The table of statuses is what users build on."""
    assert {one.__name__: one.status for one in classes()} == CONTRACT


@pytest.mark.parametrize("error", classes(), ids=lambda error: error.__name__)
def test_each_has_a_registered_error_type(error: type[OutriderError]) -> None:
    """`Proxy-Status` takes its word from a registry."""
    assert error.error_type in REGISTERED


@pytest.mark.parametrize("error", [Unreachable, Rubbish, TooSlow])
def test_what_failed_may_have_taken_effect_unless_said(error: type[AttemptFailed]) -> None:
    """Only a request that surely never left may be sent again, whatever it is."""
    assert (error("x").written, error("x", written=False).written) == (True, False)


def test_one_error_can_differ_from_its_class() -> None:
    """Status and error type may be given, and the class keeps its own."""
    error = OutriderError("a", status=503, error_type="dns_error", retry_after_s=1.5)

    assert (error.detail, error.status, error.error_type, error.retry_after_s) == ("a", 503, "dns_error", 1.5)
    assert (OutriderError.status, str(error)) == (500, "a")


def test_a_failed_plugin_is_named() -> None:
    """Its user is told whose fault it is, and where to look."""
    error = PluginFailed("acme")

    assert (error.plugin, error.detail) == ("acme", "plugin 'acme' failed; the log of outrider says how")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The first thing that a reader sees names every class that can end an exchange."""
    named = set(re.findall(r"\b[A-Z][A-Za-z]+\b", errors.__doc__ or ""))

    assert {one.__name__ for one in classes()} - {"AttemptFailed"} <= named
