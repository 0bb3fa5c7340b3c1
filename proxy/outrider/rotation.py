"""Rotation: secrets that have changed are taken into use while the program runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .logs import REDACTOR

if TYPE_CHECKING:
    from collections.abc import Collection

    from .config import SecretRef
    from .secrets import Vault

_log = logging.getLogger("outrider")


def read_again(vault: Vault, anew: Collection[SecretRef] = ()) -> None:
    """Read the secrets whose files have changed, and `anew` in any case, which may take its time.

    The log says which have changed, and tells none of the new values.
    """
    changed = vault.refresh(anew)
    if changed:
        REDACTOR.know({*REDACTOR.known, *vault.values()})
    for ref in changed:
        _log.info("the secret of %s has changed and is in use", ref)
