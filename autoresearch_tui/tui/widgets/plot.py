"""A small plot in cells: axes with labels, glyphs at points, and finer lines in braille dots."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from autoresearch_tui.tui.ascii import BRAILLE_BASE
from autoresearch_tui.tui.text import Line, Span

DOTS_WIDE = 2
DOTS_HIGH = 4
DASH_DOTS = 3
"""A dashed line has so many dots, and a gap as wide."""
_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True)
class Scale:
    """A range of values laid out over cells, the first value at the first cell's middle."""

    low: float
    high: float
    cells: int

    def cell(self, value: float) -> int:
        """Return the cell of a value; values outside the range come to its ends."""
        return self.cells_of([value])[0]

    def cells_of(self, values: Sequence[float]) -> list[int]:
        """Return the cells of many finite values."""
        last = self.cells - 1
        if self.high <= self.low:
            return [last // 2] * len(values)
        low, each = self.low, last / (self.high - self.low)
        return [min(last, max(0, round((value - low) * each))) for value in values]

    def value(self, cell: int) -> float:
        """Return the value at the middle of a cell."""
        return self.low + (self.high - self.low) * cell / max(1, self.cells - 1)

    def __contains__(self, value: float) -> bool:
        """Return whether a value is inside of the range."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Zoom:
    """Which part of a range, that may grow at its end, is in view."""

    span: float | None = None
    """How much of it; none for all."""
    end: float | None = None
    """Where the view ends; none for the end of the range, wherever it moves to."""

    def window(self, low: float, high: float) -> tuple[float, float]:
        """Return what is in view of the range: always inside of it, and `span` wide at most."""
        if self.span is None or self.span >= high - low:
            return low, high
        end = high if self.end is None else min(high, max(low + self.span, self.end))
        return max(low, end - self.span), end

    def scaled(self, low: float, high: float, factor: float, around: float, least: float) -> Self:
        """Return the view `factor` times as wide, `around` staying where it is in it.

        It does not get narrower than `least`, and one as wide as the range is all of it.
        """
        start, end = self.window(low, high)
        around = min(end, max(start, around))
        width = end - start
        span = max(least, width * factor)
        if span >= high - low:
            return type(self)()
        share = (end - around) / width if width > 0 else 0.0
        return self._ending(low, high, span, around + share * span)

    def moved(self, low: float, high: float, by: float) -> Self:
        """Return the view moved along the range, as far as there is more of it."""
        if self.span is None:
            return self
        _, end = self.window(low, high)
        return self._ending(low, high, self.span, end + by)

    def holding(self, low: float, high: float, value: float) -> Self:
        """Return the view moved no more than it takes to have `value` in it."""
        start, end = self.window(low, high)
        if value < start:
            return self.moved(low, high, value - start)
        return self.moved(low, high, value - end) if value > end else self

    def _ending(self, low: float, high: float, span: float, end: float) -> Self:
        return type(self)(span, None if end >= high else max(low + span, end))


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

    def fill_row(self, y: int, glyph: str, style: str) -> None:
        """Set all cells of a row; outside the grid nothing happens."""
        if 0 <= y < self.height:
            self._cells[y] = [(glyph, style)] * self.width

    def restyle(self, x: int, y: int, style: str) -> None:
        """Add a style to one cell; outside the grid nothing happens."""
        if 0 <= x < self.width and 0 <= y < self.height:
            glyph, before = self._cells[y][x]
            self._cells[y][x] = (glyph, f"{before} {style}".strip())

    def copy(self) -> "Grid":
        """Return a grid of the same cells."""
        copied = Grid(0, 0)
        copied.width, copied.height = self.width, self.height
        copied._cells = [list(row) for row in self._cells]
        return copied

    def dots(
        self, points: Sequence[tuple[float, float]], style: str, *, dashed: bool = False
    ) -> None:
        """Draw a line through points whose places are in dots, 2 a cell across and 4 down."""
        lit: dict[tuple[int, int], int] = {}
        previous: tuple[float, float] | None = None
        for point in points:
            for x, y in _between(previous, point):
                if dashed and x // DASH_DOTS % 2:
                    continue
                cell = (x // DOTS_WIDE, y // DOTS_HIGH)
                lit[cell] = lit.get(cell, 0) | _DOT_BITS[y % DOTS_HIGH][x % DOTS_WIDE]
            previous = point
        for (x, y), bits in lit.items():
            self.put(x, y, chr(BRAILLE_BASE + bits), style)

    def row(self, y: int) -> Line:
        """Return one row as spans, neighbours of one style joined."""
        spans: list[Span] = []
        for glyph, style in self._cells[y]:
            if spans and (spans[-1][1] == style or (glyph == " " and not style)):
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


def rounded_out(low: float, high: float) -> tuple[float, float]:
    """Return a range a little wider, that stays the same while its ends move a little.

    What moves with every point would have all of a plot painted again.
    """
    if not high > low:
        return low, high
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def labels(low: float, high: float, rows: int) -> dict[int, str]:
    """Return the labels of an upright axis by row: the ends, and what fits between."""
    spread = high - low
    if rows < 2 or spread <= 0:
        return {rows // 2: f"{high:.4f}"}
    digits = min(6, max(2, 2 - math.floor(math.log10(spread))))
    count = max(2, min(rows, 1 + (rows - 1) // 4))
    places = {round(index * (rows - 1) / (count - 1)) for index in range(count)}
    return {row: f"{high - spread * row / (rows - 1):.{digits}f}" for row in sorted(places)}
