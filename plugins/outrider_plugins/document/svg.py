"""Draw a sequence diagram as SVG, by itself: the page loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from textwrap import wrap

from .flow import Arrow, Cases, Flow, Loop, Note, Step

#: Pixels. A character's is an upper bound for a sans-serif of 13 pixels.
_CHAR = 7.0
_LINE = 17.0
_GAP = 170.0
_MARGIN = 12.0
_NOTE_CHARS = 34


def svg(flow: Flow) -> str:
    """Give the `<svg>` element. Colours come from the classes that the page styles."""
    return _Drawing(flow).element()


class _Drawing:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._x = _columns(flow)
        self._left = min(self._x.values()) - 80.0
        self._right = max(self._x.values()) + 130.0
        self._y = _MARGIN
        self._parts: list[str] = []

    def element(self) -> str:
        """Draw from top to bottom, then the life lines behind it all."""
        top = self._y
        for id, name in self._flow.actors:
            self._box(self._x[id], top, [name], "actor")
        self._y = top + 2 * _LINE + 14
        begin = self._y - 8
        self._steps(self._flow.steps, 0)
        lines = [
            f'<line class="life" x1="{x:g}" y1="{begin:g}" x2="{x:g}" y2="{self._y:g}"/>'
            for x in self._x.values()
        ]
        width, height = self._right - self._left, self._y + _MARGIN
        names = ", ".join(name for _, name in self._flow.actors)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Data flow of {escape(names)}" '
            f'viewBox="{self._left:g} 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">'
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
            f"{''.join(lines)}{''.join(self._parts)}</svg>"
        )

    def _steps(self, steps: Iterable[Step], depth: int) -> None:
        for step in steps:
            match step:
                case Arrow():
                    self._arrow(step)
                case Note(over, text):
                    lines = wrap(text, _NOTE_CHARS)
                    self._box(self._x[over], self._y, lines, "note")
                    self._y += len(lines) * _LINE + 16
                case Loop(label, inner):
                    self._frame("loop", [(label, inner)], depth)
                case Cases(ways):
                    self._frame("alt", ways, depth)

    def _arrow(self, arrow: Arrow) -> None:
        origin, to = self._x[arrow.origin], self._x[arrow.to]
        self._y += _LINE
        kind = "back" if arrow.back else "out"
        self._text((origin + to) / 2, self._y, arrow.text, "says")
        self._y += 6
        self._parts.append(
            f'<line class="{kind}" x1="{origin:g}" y1="{self._y:g}" x2="{to:g}" y2="{self._y:g}" '
            'marker-end="url(#head)"/>'
        )
        self._y += 12

    def _frame(self, kind: str, ways: Iterable[tuple[str, tuple[Step, ...]]], depth: int) -> None:
        inset = 8.0 * depth
        left, right = self._left + 4 + inset, self._right - 4 - inset
        top = self._y
        for number, (label, inner) in enumerate(ways):
            if number:
                self._parts.append(
                    f'<line class="way" x1="{left:g}" y1="{self._y:g}" x2="{right:g}" y2="{self._y:g}"/>'
                )
            self._text(left + 8, self._y + _LINE, f"{kind} {label}" if not number else label, "label")
            self._y += _LINE + 12
            self._steps(inner, depth + 1)
        self._y += 4
        self._rect(left, top, right - left, self._y - top, "frame")
        self._y += 10

    def _box(self, x: float, y: float, lines: list[str], kind: str) -> None:
        width = max(map(len, lines)) * _CHAR + 20
        height = len(lines) * _LINE + 10
        self._rect(x - width / 2, y, width, height, kind)
        for number, line in enumerate(lines):
            self._text(x, y + 17 + number * _LINE, line, f"{kind}-text")

    def _rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"/>'
        )

    def _text(self, x: float, y: float, text: str, kind: str) -> None:
        self._parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>')


def _columns(flow: Flow) -> Mapping[str, float]:
    """Place the actors so far apart that every text has room."""
    ids = [id for id, _ in flow.actors]
    room = dict.fromkeys(range(len(ids) - 1), _GAP)
    for arrow in _arrows(flow.steps):
        first, last = sorted((ids.index(arrow.origin), ids.index(arrow.to)))
        wanted = len(arrow.text) * _CHAR + 30
        # A note in the middle must not hide what is said beside it.
        if last - first == 1:
            room[first] = max(room[first], wanted)
    places, x = {}, 0.0
    for number, id in enumerate(ids):
        places[id] = x
        x += room.get(number, 0.0)
    return places


def _arrows(steps: Iterable[Step]) -> Iterator[Arrow]:
    for step in steps:
        match step:
            case Arrow():
                yield step
            case Loop(_, inner):
                yield from _arrows(inner)
            case Cases(ways):
                for _, inner in ways:
                    yield from _arrows(inner)
