"""What was really called: counts by template and by status, bounded however many paths there are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .fold import fold

if TYPE_CHECKING:
    from outrider.config import Endpoint

#: Raw calls that are counted before they are folded; folding costs microseconds, counting a fraction of one.
_RAW = 512
#: Templates of one integration; calls of further ones are counted together.
_TEMPLATES = 256
MORE = "..."
"""Stands for the paths beyond those that are told apart."""


class Seen:
    """The calls of one integration, since the start."""

    __slots__ = ("_calls", "_endpoints", "_raw", "_statuses")

    def __init__(self) -> None:
        self._raw: dict[tuple[str, str, int], int] = {}
        """By method, raw path and status."""
        self._calls: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._statuses: defaultdict[int, int] = defaultdict(int)
        self._endpoints: tuple[Endpoint, ...] = ()

    def add(self, method: str, path: str, status: int) -> None:
        """Count a call."""
        key = (method, path, status)
        raw = self._raw
        if key in raw:
            raw[key] += 1
            return
        if len(raw) >= _RAW:
            self._fold()
        self._raw[key] = 1

    def knows(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Tell what is listed: from now on a call that is meant by it is folded into it."""
        if endpoints != self._endpoints:
            self._fold()
            self._endpoints = endpoints

    @property
    def calls(self) -> dict[tuple[str, str], int]:
        """How often each template was called, by method and template."""
        self._fold()
        return dict(self._calls)

    @property
    def statuses(self) -> dict[int, int]:
        """How often each status was answered."""
        self._fold()
        return dict(self._statuses)

    def _fold(self) -> None:
        # A reload does this in a thread of its own, while calls are counted.
        raw, self._raw = self._raw, {}
        for (method, path, status), count in list(raw.items()):
            key = method, self._template(method, path)
            if key not in self._calls and len(self._calls) >= _TEMPLATES:
                key = method, MORE
            self._calls[key] += count
            self._statuses[status] += count

    def _template(self, method: str, path: str) -> str:
        for endpoint in self._endpoints:
            if endpoint.call.matches(method, path):
                return endpoint.call.template
        return fold(path)
