"""What was measured: one aligned table for each measurement, and the same as JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

Values = list[float]

FAILED = math.nan
"""The value of a round that gave none: it keeps the rounds of all proxies in step."""


@dataclass(slots=True)
class Table:
    """One measurement's results: `rows` for people, `data[proxy][metric]` with a value for each round."""

    key: str
    title: str
    how: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, dict[str, Values]] = field(default_factory=dict)

    def add(self, proxy: str, metric: str, value: float) -> None:
        """Keep one value of one round."""
        self.data.setdefault(proxy, {}).setdefault(metric, []).append(value)

    def values(self, proxy: str, metric: str) -> Values:
        """Give the values of all rounds; empty when the proxy was not measured."""
        return self.data.get(proxy, {}).get(metric, [])

    def ratios(self, proxy: str, metric: str, to: str = "envoy") -> Values:
        """Divide each round's value by the other proxy's of the same round; leaves failed rounds out."""
        pairs = zip(self.values(proxy, metric), self.values(to, metric), strict=False)
        return good([mine / other for mine, other in pairs if other])

    def plain(self) -> dict[str, dict[str, list[float | None]]]:
        """Give the data as JSON knows it."""
        return {
            name: {
                metric: [None if math.isnan(v) else round(v, 3) for v in values]
                for metric, values in of.items()
            }
            for name, of in self.data.items()
        }

    def text(self) -> str:
        """Lay the table out: names to the left, numbers to the right."""
        cells = [list(self.columns), *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [self.title, f"({self.how})", ""]
        for number, row in enumerate(cells):
            line = row[0].ljust(widths[0])
            line += "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            lines.append(line.rstrip())
            if not number:
                lines.append("-" * (sum(widths) + 2 * (len(widths) - 1)))
        return "\n".join([*lines, *(f"! {note}" for note in self.notes)])


def good(values: Values) -> Values:
    """Leave the failed rounds out."""
    return [value for value in values if not math.isnan(value)]


def median(values: Values, digits: int = 1) -> str:
    """Show the middle value, or a dash where nothing was measured."""
    values = good(values)
    return f"{statistics.median(values):,.{digits}f}" if values else "-"


def spread(values: Values, digits: int = 1) -> str:
    """Show the smallest and the largest value."""
    values = good(values)
    return f"{min(values):,.{digits}f}–{max(values):,.{digits}f}" if values else "-"


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which `share` of the values are (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
