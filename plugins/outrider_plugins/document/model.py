"""The integration document as data: made of what is compiled, or read from Markdown; written in any format.

A text has no formatting but `code` in backticks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .flow import Flow

TITLE = "External Integrations"
UNKNOWN = "Not stated"
"""What stands where the configuration says nothing: a field is never left out."""


@dataclass(frozen=True, slots=True)
class Item:
    """One point of a list: a label and what is said of it."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """What the document says of one integration."""

    name: str
    about: tuple[Item, ...] = ()
    """Purpose, Provider, Documentation."""
    details: tuple[Item, ...] = ()
    """Library/SDK, Authentication, Authentication Method."""
    endpoints: tuple[Item, ...] = ()
    """A call, `POST /v1/charges`, and its purpose."""
    flow: Flow | None = None
    """None where it was read: a diagram is made, and never read."""
    handling: tuple[Item, ...] = ()
    """Strategy."""
    errors: tuple[Item, ...] = ()
    """An error, `429 Too Many Requests`, and what is done on it."""
    limits: tuple[Item, ...] = ()
    """Provider Limits, Our Strategy."""
    fallback: tuple[Item, ...] = ()
    """If Service is Unavailable."""

    def items(self) -> Iterator[Item]:
        """Give every point but the endpoints and errors."""
        for part in (self.about, self.details, self.handling, self.limits, self.fallback):
            yield from part

    def get(self, label: str) -> str:
        """Give what is said under a label; "" where nothing is, or that it is not stated."""
        found = next((item.text for item in self.items() if item.label.lower() == label.lower()), "")
        return "" if found == UNKNOWN else found


@dataclass(frozen=True, slots=True)
class Document:
    """The whole document."""

    updated: str
    status: str
    target_state: str
    overview: str
    sections: tuple[Section, ...] = ()
