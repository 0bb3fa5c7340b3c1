"""What is read again after a 401: static secrets but those of the environment, where `on` has `refresh`."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from outrider.config import BaseUrl, IntegrationConfig, SecretRef
from outrider.integration import Target
from outrider.secrets import Vault
from outrider_plugins.auth import authorizing
from outrider_plugins.auth.rotated import Rotated
from outrider_plugins.auth.static import Basic, Bearer, Several

FILE, ENV, COMMAND = SecretRef("file", "key"), SecretRef("env", "KEY"), SecretRef("cmd", "echo key")


def target(auth: object, folder: Path, on: dict[str, tuple[str, ...]] | None = None) -> Target:
    (folder / "key").write_text("a-key")
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name="acme", base_url=base, auth=auth, on=on)
    return Target("acme", section, base, None, Vault(folder, {"KEY": "b-key"}))


@pytest.mark.parametrize(
    ("auth", "files"),
    [
        (Bearer(token=(FILE,)), (FILE,)),
        (Bearer(token=(ENV,)), ()),
        (Bearer(token=(COMMAND,)), (COMMAND,)),
        (Basic(username=ENV, password=(FILE,)), (FILE,)),
        (Several(fields={"X-Id": ENV, "X-Key": FILE}), (FILE,)),
    ],
)
def test_which_may_be_replaced(
    auth: Bearer | Basic | Several, files: tuple[SecretRef, ...], tmp_path: Path
) -> None:
    """Only they are read again; with the environment alone nothing is added to the request path."""
    to = target(auth, tmp_path)
    authorizing(to, None)

    assert (auth.rotating, auth.renews, isinstance(to.credential, Rotated)) == (
        files,
        bool(files),
        bool(files),
    )


def test_the_error_table_decides(tmp_path: Path) -> None:
    """Where it has no `refresh` the 401 is the app's."""
    told = target(Bearer(token=(FILE,)), tmp_path, {"401": ("alert",)})

    assert Rotated(target(Bearer(token=(FILE,)), tmp_path)).replaces(401)
    assert not Rotated(told).replaces(401)


async def test_what_was_read_by_another_call_counts(tmp_path: Path) -> None:
    """A call is sent again where the key is another one than it was sent with, whoever read it."""
    to = target(Bearer(token=(FILE,)), tmp_path)
    rotated = Rotated(to)
    noted = rotated.wrap(lambda attempt: attempt)
    first, second, third = (SimpleNamespace(credential=None) for _ in range(3))
    noted(SimpleNamespace(exchange=first))
    noted(SimpleNamespace(exchange=second))
    (tmp_path / "key").write_text("a-newer-key")

    renewed = [await rotated.renew(first), await rotated.renew(second)]
    noted(SimpleNamespace(exchange=third))

    assert renewed == [True, True]
    assert not await rotated.renew(third)
