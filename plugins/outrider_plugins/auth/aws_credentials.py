"""Credentials of AWS's usual chain: environment, profile, container, instance role. botocore finds them.

botocore asks files and the network, and waits: that happens in a thread, ahead of the end of what is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from outrider.plugin import Unavailable, spawn

#: Seconds after a failure in which the chain is not asked again.
PAUSE_S = 5.0

_log = logging.getLogger("outrider")


class Chain:
    """The credentials that botocore finds, renewed in the background; old ones serve until they end.

    `find` gives botocore's credentials or None, and may take its time.
    """

    def __init__(self, name: str, find: Callable[[], Any], *, clock: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._find = find
        self._clock = clock
        self._source: Any = None
        self._frozen: Any = None
        self._asking: asyncio.Task[None] | None = None
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"<Chain of '{self._name}', {'found' if self._frozen is not None else 'not asked yet'}>"

    async def current(self) -> Any:
        """Give the credentials of this moment. Unavailable where there are none."""
        if self._frozen is None or self._needs_renewal(0):
            if asking := self._ask():
                await asyncio.shield(asking)
            if self._frozen is None or self._needs_renewal(0):
                raise Unavailable(
                    f"integration '{self._name}': no AWS credentials; the log of outrider says why",
                    retry_after_s=PAUSE_S,
                )
        elif self._needs_renewal(None):
            self._ask()
        return self._frozen

    def _needs_renewal(self, within_s: float | None) -> bool:
        """Whether they end within so many seconds; None for a quarter of an hour, as botocore has it."""
        needed = getattr(self._source, "refresh_needed", None)
        return needed is not None and bool(needed(within_s))

    def _ask(self) -> asyncio.Task[None] | None:
        """Let one thread ask, whoever waits for it."""
        if self._asking is None and self._clock() >= self._not_before:
            self._asking = spawn(self._renew(), name=f"AWS credentials of {self._name}")
        return self._asking

    async def _renew(self) -> None:
        try:
            source, self._frozen = await asyncio.to_thread(self._look)
            self._source = source
        except Exception as error:  # noqa: BLE001 - botocore has dozens, and a file or a role may be anything
            # Not the error itself: what a credential process printed could be in it.
            _log.warning("integration '%s': no AWS credentials: %s", self._name, type(error).__name__)
            self._not_before = self._clock() + PAUSE_S
        finally:
            self._asking = None

    def _look(self) -> tuple[Any, Any]:
        source = self._source or self._find()
        if source is None:
            raise LookupError("the chain ended without any")
        return source, source.get_frozen_credentials()
