"""Write the document as Markdown, with its diagrams in Mermaid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .flow import Arrow, Cases, Flow, Loop, Note, Step
from .model import TITLE, Document, Item, Section

UPDATED = "**Last Updated**:"
"""Begins the one line that a check passes over."""


def markdown(document: Document) -> str:
    """Give the text of the file."""
    return "\n".join(_document(document)) + "\n"


def _document(document: Document) -> Iterator[str]:
    yield f"# {TITLE}"
    yield ""
    # Two spaces at the end are Markdown's line break.
    yield f"{UPDATED} {document.updated}  "
    yield f"**Status**: {document.status}  "
    yield f"**Target State**: {document.target_state}"
    yield ""
    yield "## Overview"
    yield ""
    yield document.overview
    for section in document.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield ""
    yield f"## {section.name}"
    yield ""
    yield from _items(section.about)
    yield from _part("Integration Details", _items(section.details))
    yield from _part("Endpoints Used", _endpoints(section.endpoints))
    yield from _part("Data Flow", _diagram(section.flow))
    yield from _part("Error Handling", _items(section.handling))
    yield "- **Specific Errors Handled**:"
    for error in section.errors:
        yield f"    - `{error.label}`: {error.text}"
    yield from _part("Rate Limiting", _items(section.limits))
    yield from _part("Fallback Strategy", _items(section.fallback))


def _part(heading: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"### {heading}"
    yield from lines


def _items(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        yield f"- **{item.label}**: {item.text}"


def _endpoints(endpoints: Iterable[Item]) -> Iterator[str]:
    listed = [f"- `{one.label}`: {one.text}" for one in endpoints]
    yield from listed or ["- None listed; `outrider drift` tells which are called"]


def _diagram(flow: Flow | None) -> Iterator[str]:
    if flow is None:
        return
    yield "```mermaid"
    yield "sequenceDiagram"
    for id, name in flow.actors:
        yield f"    participant {id} as {_plain(name)}"
    yield from _steps(flow.steps, "    ")
    yield "```"


def _steps(steps: Iterable[Step], indent: str) -> Iterator[str]:
    for step in steps:
        match step:
            case Arrow(origin, to, text, back):
                yield f"{indent}{origin}{'-->>' if back else '->>'}{to}: {_plain(text)}"
            case Note(over, text):
                yield f"{indent}Note over {over}: {_plain(text)}"
            case Loop(label, inner):
                yield f"{indent}loop {_plain(label)}"
                yield from _steps(inner, indent + "    ")
                yield f"{indent}end"
            case Cases(ways):
                for number, (label, inner) in enumerate(ways):
                    yield f"{indent}{'else' if number else 'alt'} {_plain(label)}"
                    yield from _steps(inner, indent + "    ")
                yield f"{indent}end"


def _plain(text: str) -> str:
    """Replace what ends a line or begins an entity in Mermaid."""
    return text.replace(";", ",").replace("#", " ").replace("`", "")
