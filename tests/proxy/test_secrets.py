"""Secrets: resolved, rotated, and never shown."""

from pathlib import Path

import pytest

from outrider.config import SecretRef
from outrider.secrets import Redactor, SecretMissing, Vault, forms


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
    """Neither a repr nor a line of the log, in any of its forms."""
    value = 'top/"secret" value'
    found = vault(tmp_path, KEY=value)
    secret = found.get(SecretRef.parse("env:KEY"))
    redactor = Redactor()
    redactor.know(found.values())

    cleaned = redactor.clean(" ".join(forms(value)))

    assert value not in repr(secret) + repr(found)
    assert not any(form in cleaned for form in forms(value))
