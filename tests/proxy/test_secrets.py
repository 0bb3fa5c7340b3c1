"""Secrets: resolved, rotated, and never shown."""

import base64
import html
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from outrider.config import SecretRef
from outrider.secrets import Redactor, SecretMissing, Vault
from outrider.testing.leaks import leaks


def vault(folder: Path, **environ: str) -> Vault:
    return Vault(folder, environ)


def test_each_kind(tmp_path: Path) -> None:
    """env, file and cmd; a trailing newline of a file or a command is taken off."""
    (tmp_path / "key").write_text("from-file\n")
    found = vault(tmp_path, KEY="from-env")

    values = [found.get(SecretRef.parse(ref)).value for ref in ("env:KEY", "file:key", "cmd:echo from-cmd")]

    assert values == ["from-env", "from-file", "from-cmd"]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("env:NOPE", "set NOPE"),
        ("file:nope", "write it to the file"),
        ("cmd:false", "exit code 1"),
        ("cmd:no-such-command", "cannot be run"),
        ("env:EMPTY", "is empty"),
        ("env:LINES", "control character"),
        ("env:WIDE", "cannot stand in a header"),
        ("cmd:unbalanced 'quote", "cannot be run"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(tmp_path: Path, ref: str, said: str) -> None:
    """And no value is ever repeated."""
    with pytest.raises(SecretMissing, match=said) as caught:
        vault(tmp_path, EMPTY="", LINES="s3c\nret", WIDE="s3cret\u20ac").get(SecretRef.parse(ref))

    assert "s3c" not in str(caught.value)


class Ring(KeyringBackend):
    """A keyring of one secret."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise KeyringLocked("s3cret")
        return "from-keyring" if (service, username) == ("https://acme.example/v1", "live") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("ring")
def test_the_keyring_of_the_system(tmp_path: Path) -> None:
    """The service is all up to the last slash; what is not there, or cannot be asked, is said."""
    found = vault(tmp_path)

    assert found.get(SecretRef.parse("keyring:https://acme.example/v1/live")).value == "from-keyring"
    with pytest.raises(SecretMissing, match="no secret; keyring set acme live"):
        found.get(SecretRef.parse("keyring:acme/live"))
    with pytest.raises(SecretMissing, match="the keyring cannot be read for keyring:locked/x: KeyringLocked"):
        found.get(SecretRef.parse("keyring:locked/x"))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(SecretMissing, match=r"keyring:a/b needs an extra; pip install 'outrider\[keyring\]'"):
        vault(tmp_path).get(SecretRef.parse("keyring:a/b"))


def test_a_rotated_file(tmp_path: Path) -> None:
    """What was derived from it is made anew; a bad new value leaves the old one."""
    path = tmp_path / "key"
    path.write_text("old")
    found = vault(tmp_path)
    secret = found.get(SecretRef.parse("file:key"))
    shout = secret.derive(str.upper)

    path.write_text("newer")
    assert [str(ref) for ref in found.refresh()] == ["file:key"]
    assert shout() == "NEWER"
    path.write_text("")
    assert found.refresh() == []
    assert shout() == "NEWER"


def test_a_bad_new_value_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not at every look; a change of it, and trouble that comes again, are told again."""
    path = tmp_path / "key"
    path.write_text("good")
    found = vault(tmp_path)
    secret = found.get(SecretRef.parse("file:key"))
    told = []

    for text in ("", "", "two\nlines", None, None, "good", ""):
        path.unlink() if text is None and path.exists() else None
        if text is not None and (not path.exists() or path.read_text() != text):
            path.write_text(text)
        caplog.clear()
        found.refresh()
        found.refresh()
        told.append(len(caplog.records))

    assert told == [1, 0, 1, 1, 0, 0, 1]
    assert secret.value == "good"


class Unsteady(Vault):
    """A vault of a file system that can be out of reach."""

    reachable = True

    def _read(self, ref: SecretRef) -> str:
        if not self.reachable:
            raise SecretMissing("out of reach")
        return super()._read(ref)


def test_what_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    """Its trouble may end without a change of the file, as with its mode or a mount."""
    (tmp_path / "key").write_text("old")
    found = Unsteady(tmp_path)
    secret = found.get(SecretRef.parse("file:key"))
    (tmp_path / "key").write_text("newer")

    found.reachable = False
    found.refresh()
    found.reachable = True
    found.refresh()

    assert secret.value == "newer"


def test_nothing_shows_a_value(tmp_path: Path) -> None:
    """Neither a repr of it nor that of all of them."""
    found = vault(tmp_path, KEY="top secret")

    assert "top secret" not in repr(found.get(SecretRef.parse("env:KEY"))) + repr(found)


DRESSES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "quoted": quote,
    "all quoted": lambda text: quote(text, safe=""),
    "quoted in small letters": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text)),
    "of a form": quote_plus,
    "HTML": html.escape,
    **{
        f"{kind.__name__} behind {before!r}, {coding}": lambda text, kind=kind, before=before, coding=coding: (
            kind(before + text.encode(coding) + b":x").decode()
        )
        for kind in (base64.b64encode, base64.urlsafe_b64encode)
        for before in (b"", b"u", b"us", b"use")
        for coding in ("utf-8", "latin-1")
    },
}


@pytest.mark.parametrize("dress", DRESSES.values(), ids=list(DRESSES))
@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), min_size=6, max_size=20))
def test_the_log_shows_no_value(dress: Callable[[str], str], value: str) -> None:
    """However it is dressed, in the text of a line and in the JSON of one."""
    redactor = Redactor()
    redactor.know([value])

    for text in (dress(value), json.dumps(dress(value))):
        assert leaks(redactor.clean(text), [value]) == []
