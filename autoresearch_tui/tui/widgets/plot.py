"""A small plot in cells: axes with labels, glyphs at points, and finer lines in braille dots."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoresearch_tui.tui.ascii import BRAILLE_BASE
from autoresearch_tui.tui.text import Line, Span

DOTS_WIDE = 2
DOTS_HIGH = 4
_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True)
class Scale:
    """A range of values laid out over cells, the first value at the first cell's middle."""

    low: float
    high: float
    cells: int

    def cell(self, value: float) -> int:
        """Return the cell of a value; values outside the range come to its ends."""
        if self.high <= self.low:
            return (self.cells - 1) // 2
        share = (value - self.low) / (self.high - self.low)
        return min(self.cells - 1, max(0, round(share * (self.cells - 1))))


class Grid:
    """Cells of a glyph and a style, row 0 at the top."""

    def __init__(self, width: int, height: int) -> None:
        """Make an empty grid."""
        self.width = width
        self.height = height
        self._cells: list[list[Span]] = [[(" ", "")] * width for _ in range(height)]

    def put(self, x: int, y: int, glyph: str, style: str) -> None:
        """Set one cell; outside the grid nothing happens."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._cells[y][x] = (glyph, style)

    def dots(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Draw a line through points whose places are in dots, 2 a cell across and 4 down."""
        lit: dict[tuple[int, int], int] = {}
        previous: tuple[float, float] | None = None
        for point in points:
            for x, y in _between(previous, point):
                cell = (x // DOTS_WIDE, y // DOTS_HIGH)
                lit[cell] = lit.get(cell, 0) | _DOT_BITS[y % DOTS_HIGH][x % DOTS_WIDE]
            previous = point
        for (x, y), bits in lit.items():
            self.put(x, y, chr(BRAILLE_BASE + bits), style)

    def row(self, y: int) -> Line:
        """Return one row as spans, neighbours of one style joined."""
        spans: list[Span] = []
        for glyph, style in self._cells[y]:
            if spans and (spans[-1][1] == style or glyph == " "):
                spans[-1] = (spans[-1][0] + glyph, spans[-1][1])
            else:
                spans.append((glyph, style))
        return tuple(spans)


def _between(start: tuple[float, float] | None, end: tuple[float, float]) -> list[tuple[int, int]]:
    if start is None:
        return [(round(end[0]), round(end[1]))]
    steps = max(1, math.ceil(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
    return [
        (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )
        for step in range(1, steps + 1)
    ]


def labels(low: float, high: float, rows: int) -> dict[int, str]:
    """Return the labels of an upright axis by row: the ends, and what fits between."""
    spread = high - low
    if rows < 2 or spread <= 0:
        return {rows // 2: f"{high:.4f}"}
    digits = min(6, max(2, 2 - math.floor(math.log10(spread))))
    count = max(2, min(rows, 1 + (rows - 1) // 4))
    places = {round(index * (rows - 1) / (count - 1)) for index in range(count)}
    return {row: f"{high - spread * row / (rows - 1):.{digits}f}" for row in sorted(places)}
