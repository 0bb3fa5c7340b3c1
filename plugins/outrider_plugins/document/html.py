"""Write the document as one HTML file: nothing is loaded, no script runs, the diagrams are drawn."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files

from .model import TITLE, Document, Item, Section
from .svg import svg

UPDATED = "<dt>Last Updated</dt>"
"""Begins the one line that a check passes over."""

_CODE = re.compile(r"`([^`]*)`")
_URL = re.compile(r"https?://[^\s<>\"'`;,()]+[^\s<>\"'`;,().]")


def html(document: Document) -> str:
    """Give the text of the file."""
    return "\n".join(_page(document)) + "\n"


def _page(document: Document) -> Iterator[str]:
    style = files(__package__).joinpath("document.css").read_text("utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none'; style-src 'sha256-{digest}'\">"
    )
    yield f"<title>{TITLE}</title>"
    yield f"<style>{style}</style>"
    yield "</head>"
    yield "<body>"
    yield f"<h1>{TITLE}</h1>"
    yield '<dl class="head">'
    yield f"{UPDATED}<dd>{_inline(document.updated)}</dd>"
    yield f"<dt>Status</dt><dd>{_inline(document.status)}</dd>"
    yield f"<dt>Target State</dt><dd>{_inline(document.target_state)}</dd>"
    yield "</dl>"
    yield "<nav><ul>"
    for section in document.sections:
        yield f'<li><a href="#{escape(section.name)}">{escape(section.name)}</a></li>'
    yield "</ul></nav>"
    yield "<h2>Overview</h2>"
    for paragraph in document.overview.split("\n\n"):
        yield f"<p>{_inline(paragraph)}</p>"
    for section in document.sections:
        yield from _section(section)
    yield "</body>"
    yield "</html>"


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{escape(section.name)}">'
    yield f"<h2>{escape(section.name)}</h2>"
    yield from _items(section.about)
    yield "<h3>Integration Details</h3>"
    yield from _items(section.details)
    yield "<h3>Endpoints Used</h3>"
    if section.endpoints:
        yield from _items(section.endpoints, calls=True)
    else:
        yield f"<p>{_inline('None listed; `outrider drift` tells which are called')}</p>"
    if section.flow is not None:
        yield "<h3>Data Flow</h3>"
        yield f'<div class="flow">{svg(section.flow)}</div>'
    yield "<h3>Error Handling</h3>"
    yield from _items(section.handling)
    yield "<h4>Specific Errors Handled</h4>"
    yield from _items(section.errors, calls=True)
    yield "<h3>Rate Limiting</h3>"
    yield from _items(section.limits)
    yield "<h3>Fallback Strategy</h3>"
    yield from _items(section.fallback)
    yield "</section>"


def _items(items: Iterable[Item], *, calls: bool = False) -> Iterator[str]:
    yield "<dl>"
    for item in items:
        label = f"<code>{escape(item.label)}</code>" if calls else escape(item.label)
        yield f"<dt>{label}</dt><dd>{_inline(item.text)}</dd>"
    yield "</dl>"


def _inline(text: str) -> str:
    """Give a text as HTML: code in backticks, links for URLs."""
    made = []
    for number, piece in enumerate(_CODE.split(text)):
        if number % 2:
            made.append(f"<code>{escape(piece)}</code>")
        else:
            made.append(_linked(piece))
    return "".join(made)


def _linked(text: str) -> str:
    made, at = [], 0
    for url in _URL.finditer(text):
        made.append(escape(text[at : url.start()]))
        made.append(f'<a href="{escape(url[0])}" rel="noreferrer">{escape(url[0])}</a>')
        at = url.end()
    return "".join(made) + escape(text[at:])
