"""Fold the paths of calls into templates: `/v1/customers/cus_9s6XKzkNRiz8i3` is `/v1/customers/{id}`."""

from __future__ import annotations

import re

#: What a segment is, the first that fits: a name of the API stays, that of a thing is folded.
_KINDS = re.compile(
    r"(?P<name>v\d+(?:\.\d+)*(?:(?:alpha|beta)\d*)?|\d{4}-\d\d-\d\d|[A-Za-z_-]{1,40})"
    r"|(?P<id>\d+"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|(?=[^\d]*\d)[0-9a-fA-F]{8,}"
    r"|[A-Za-z]{1,12}[_-](?=\w*\d)\w+"  # ch_123, SKU-42
    r"|[A-Z]{1,3}(?=\w*\d)[0-9A-Za-z]{6,})"  # Slack's C024BE91L
    r"|(?P<token>(?=[^\d]*\d)[\w~=.-]{20,})"
    r"|(?P<address>[^@%]*(?:@|%40).*)"
    r"|(?P<long>[^%]*%.*|.{41,})",
    re.DOTALL,
)
_FOLDED = {"id": "{id}", "token": "{token}", "address": "{address}", "long": "{name}"}
#: A path with more segments is cut.
_DEEPEST = 12


def fold(path: str) -> str:
    """Give the template of a raw path. Two things of one kind have the same; it is at most 500 long."""
    segments = path.split("/")
    folded = [_segment(segment) for segment in segments[: _DEEPEST + 1]]
    return "/".join(folded) + ("/..." if len(segments) > _DEEPEST + 1 else "")


def _segment(segment: str) -> str:
    found = _KINDS.fullmatch(segment)
    return segment if found is None else _FOLDED.get(found.lastgroup or "", segment)
