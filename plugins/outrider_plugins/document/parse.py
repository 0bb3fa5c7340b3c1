"""Read a document in the template's shape, ours or one that was written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .model import Document, Item, Section

_HEAD = re.compile(r"\*\*(?P<label>[^*]+?):?\*\*:? *(?P<text>.*)")
_ITEM = re.compile(r"[-*+] +\*\*(?P<label>[^*]+?):?\*\*:? *(?P<text>.*)")
_POINT = re.compile(r"(?P<indent> *)[-*+] +`(?P<label>[^`]+)`:? *(?P<text>.*)")
_NO_SECTION = frozenset(("overview", "table of contents", "contents"))


def parse(text: str) -> Document:
    """Read what there is; a field that is missing is empty, and what is none of the fields is passed over."""
    head, *parts = re.split(r"^## +", text.expandtabs(4), flags=re.MULTILINE)
    fields = {one["label"].lower(): one["text"].strip() for one in _HEAD.finditer(head)}
    overview, sections = "", []
    for part in parts:
        name, _, body = part.partition("\n")
        if name.strip().lower() == "overview":
            overview = body.strip()
        elif name.strip().lower() not in _NO_SECTION:
            sections.append(_section(name.strip(), body))
    return Document(
        updated=fields.get("last updated", ""),
        status=fields.get("status", ""),
        target_state=fields.get("target state", ""),
        overview=overview,
        sections=tuple(sections),
    )


def _section(name: str, body: str) -> Section:
    about, *rest = re.split(r"^### +", body, flags=re.MULTILINE)
    parts = [part.partition("\n") for part in rest]

    def part(word: str) -> str:
        """Give what stands under the heading that has this word in it."""
        return next((inner for heading, _, inner in parts if word in heading.lower()), "")

    return Section(
        name,
        about=_items(about),
        details=_items(part("details")),
        endpoints=_points(part("endpoints")),
        handling=_items(part("error")),
        errors=_points(part("error")),
        limits=_items(part("limit")),
        fallback=_items(part("fallback")),
    )


def _items(text: str) -> tuple[Item, ...]:
    """Give the bold points, `- **Label**: text`."""
    return tuple(
        Item(one["label"].strip(), one["text"].strip())
        for line in _lines(text)
        if (one := _ITEM.fullmatch(line)) is not None
    )


def _points(text: str) -> tuple[Item, ...]:
    """Give the points that begin with code: `- `GET /x`: text`."""
    return tuple(
        Item(one["label"].strip(), one["text"].strip())
        for line in _lines(text)
        if (one := _POINT.fullmatch(line)) is not None and one["label"].strip()
    )


def _lines(text: str) -> Iterator[str]:
    """Give each point on one line: a text that was wrapped goes on below."""
    return iter(_joined(line.rstrip() for line in text.splitlines()))


def _joined(lines: Iterable[str]) -> list[str]:
    joined: list[str] = []
    for line in lines:
        begins = re.match(r" *[-*+] ", line) is not None
        if line.strip() and not begins and joined and joined[-1]:
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return joined
