"""Google service accounts: what `check` says."""

from collections.abc import Callable

import pytest

from outrider.config import loads
from outrider.registry import load_plugins
from outrider_plugins.auth import google_account

TEXT = '[integrations.a]\nbase_url = "https://a"\nauth = { type = "google", credentials = "env:K"@ }\n'


def said(more: str = "") -> list[str]:
    return [str(one) for one in loads(TEXT.replace("@", more), load_plugins().vocabulary).problems]


def nothing(name: str) -> None:
    """Find nothing."""


def no_parent(name: str) -> None:
    """Find not even the package that it is in."""
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("find", [nothing, no_parent])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, find: Callable[[str], None]) -> None:
    """What to install, where `check` is run."""
    monkeypatch.setattr(google_account, "find_spec", find)

    assert said() == [
        "config.toml:3: integrations.a.auth: google needs an extra; pip install 'outrider[google]'"
    ]


@pytest.mark.parametrize("more", ['scopes = ["a"]', 'subject = "me@p"'])
def test_an_id_token_has_no_scopes(more: str) -> None:
    """One or the other is asked for."""
    assert said(f', audience = "https://x", {more}') == [
        "config.toml:3: integrations.a.auth: an ID token for audience has no scopes and no subject; "
        "leave them out, or it"
    ]


def test_what_is_right_is_no_problem() -> None:
    """With little, and with all of it."""
    assert said() + said(', scopes = ["a", "b"], subject = "me@p"') + said(', audience = "https://x"') == []
