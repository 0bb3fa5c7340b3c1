"""The search for secrets finds them in every form in which something could tell them."""

import base64
import html
import json
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.testing.leaks import leaks

SECRET = 'k3y "of\\ü/+&<%'


def in_base64(secret: str, before: bytes = b"", coding: str = "utf-8") -> str:
    return base64.b64encode(before + secret.encode(coding) + b":x").decode()


@pytest.mark.parametrize(
    ("shown", "form"),
    [
        (SECRET, "plain"),
        (in_base64(SECRET), "base64"),
        (in_base64(SECRET, b"u"), "base64"),
        (in_base64(SECRET, b"us"), "base64"),
        (in_base64(SECRET, b"use", "latin-1").rstrip("="), "base64"),
        (base64.urlsafe_b64encode(b"?" + SECRET.encode() * 3).decode(), "base64"),
        (urllib.parse.quote(in_base64(SECRET), safe=""), "base64"),
        (in_base64(urllib.parse.quote(SECRET, safe=""), b"me:"), "base64, URL-encoded"),
        (urllib.parse.quote(SECRET, safe=""), "URL-encoded"),
        (urllib.parse.quote(SECRET, safe="").lower(), "URL-encoded"),
        (urllib.parse.quote(SECRET, encoding="latin-1"), "URL-encoded"),
        (urllib.parse.quote_plus(SECRET), "URL-encoded"),
        (json.dumps(SECRET), "JSON-escaped"),
        (json.dumps(SECRET, ensure_ascii=False).replace("/", "\\/"), "JSON-escaped"),
        (repr([SECRET]), "JSON-escaped"),
        (json.dumps(repr(SECRET)), "JSON-escaped"),
        (json.dumps({"url": "/?key=" + urllib.parse.quote(SECRET) + '"'}), "URL-encoded"),
        (html.escape(SECRET), "HTML-escaped"),
    ],
)
def test_every_form_is_found(shown: str, form: str) -> None:
    """Amid other text."""
    ((found, how),) = leaks(f'{{"detail": "a% b", "x": "/a/b{shown} c"}}', [SECRET])

    assert (found, form in how) == (SECRET, True)


@settings(deadline=None)
@given(st.binary(max_size=5), st.text(min_size=6, max_size=40), st.binary(max_size=5))
def test_base64_is_found_wherever_it_begins(before: bytes, secret: str, after: bytes) -> None:
    """A secret may stand in the middle of what was encoded: a Basic pair."""
    text = base64.b64encode(before + secret.encode() + after).decode()

    assert {found for found, _ in leaks(text, [secret])} == {
        line for line in secret.splitlines() if len(line.strip()) >= 6
    }


def test_what_is_no_leak() -> None:
    """Words, parts of a secret, and texts without it."""
    assert leaks("a key of k3y", ["key", "", "k3y-and-more"]) == []


def test_the_lines_of_a_key_file_are_looked_for() -> None:
    """A log tells them one by one."""
    pem = "-----BEGIN-----\nMIIBVgIBADANBgkq\n-----END-----\n"

    assert leaks('{"x": "-----BEGIN-----\\\\nMIIBVgIBADANBgkq"}', [pem])[-1][0] == "MIIBVgIBADANBgkq"
