"""Rotation: secrets whose files have changed are taken into use while the program runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .logs import REDACTOR

if TYPE_CHECKING:
    from .secrets import Vault

_log = logging.getLogger("outrider")


def read_again(vault: Vault) -> None:
    """Read the secrets whose files have changed. The log says which, and tells none of the new values."""
    changed = vault.refresh()
    if changed:
        REDACTOR.know({*REDACTOR.known, *vault.values()})
    for ref in changed:
        _log.info("the secret of %s has changed and is in use", ref)
