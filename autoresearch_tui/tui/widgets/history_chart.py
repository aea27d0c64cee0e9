"""The night as a chart, drawn from its state: pure, and in parts that can be kept.

What is `gathered` changes with a verdict, a `Chart` with the size and the view as well, and the
lines with the cursor alone, so that moving it costs little in a night of any length.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.record.vocabulary import Direction, Status
from autoresearch_tui.stats.spread import upper_fence
from autoresearch_tui.tui.results import Axis, Gathered, Point
from autoresearch_tui.tui.text import Line, bpb, one_line, width_of
from autoresearch_tui.tui.widgets.plot import Grid, Scale, Zoom, labels
from autoresearch_tui.tui.words import FAILED, STATUS_GLYPHS

MAX_STRIDE_CELLS = 6
CELL_STEPS = 4
"""In a crowded chart the cursor crosses a cell in so many steps."""
LEGEND_FROM_HEIGHT = 12
SHADE = "·"
"""What fills the band of noise, in every other cell."""


@dataclass(frozen=True)
class Chart:
    """A drawn chart, but for its cursor."""

    data: Gathered
    axis: Axis
    grid: Grid
    foot: Grid
    """The axis along the bottom, one row high."""
    names: dict[int, str]
    gutter: int
    along: Scale
    up: Scale
    visible: int
    """How many experiments are in view."""
    clipped: int
    """How many of them lie beyond the edge."""

    def step(self) -> int:
        """Return by how many experiments the cursor moves: by one, unless cells hold many."""
        return max(1, self.visible // (CELL_STEPS * max(1, self.along.cells)))

    def lines(self, cursor: int | None) -> list[Line]:
        """Return the chart's rows, with the cursor at an experiment."""
        grid, foot = self.grid, self.foot
        place = None if cursor is None else self.data.place(cursor, self.axis)
        if cursor is not None and place is not None and place in self.along:
            grid, foot = grid.copy(), foot.copy()
            x = self.along.cell(place)
            foot.put(x, 0, "▴", "strong accent")
            if (value := self.data.values.get(cursor)) is not None:
                grid.restyle(x, _row(value, self.up), "cursor strong")
        rows: list[Line] = []
        for y in range(grid.height):
            label = self.names.get(y, "").rjust(self.gutter)
            edge = "┤" if y in self.names else "│"
            rows.append(((label, "muted"), (edge, "faint"), *grid.row(y)))
        name = _range_words(self.along, self.axis).rjust(self.gutter)
        return [*rows, ((name, "muted"), ("└", "faint"), *foot.row(0))]


def chart(data: Gathered, axis: Axis, zoom: Zoom, width: int, height: int) -> Chart | None:
    """Return the chart for a space of cells; none where nothing in view has a number."""
    low, high = zoom.window(*data.extent(axis))
    if axis is Axis.NUMBER:
        low, high = math.ceil(low), math.floor(high)
    place = _place_of(axis)
    places = _places(data.points, axis)
    seen = [each for each, at in zip(data.points, places, strict=True) if low <= at <= high]
    if height < 2 or not any(math.isfinite(each.value) for each in seen):
        return None
    steps = _levels(data, axis, low, high)
    scale_low, scale_high = _fenced(seen, steps, data.direction)
    rows = height - 1
    names = labels(scale_low, scale_high, rows)
    ends = _range_words(Scale(low, high, 1), axis)
    gutter = max(len(ends), *(len(name) + 1 for name in names.values()))
    grid = Grid(max(1, width - gutter - 1), rows)
    foot = Grid(grid.width, 1)
    foot.fill_row(0, "─", "faint")
    along = Scale(low, high, _cells(axis, low, high, grid.width))
    up = Scale(scale_low, scale_high, rows)
    _shade(grid, data, up)
    dense = len(seen) > along.cells
    others = [each for each in seen if each.status is not Status.KEEP]
    kept = [each for each in seen if each.status is Status.KEEP]
    # Where many share a cell, the line matters more than what was not kept.
    if not dense:
        _steps(grid, steps, along, up)
    clipped = _put(grid, foot, others, axis, along, up)
    if dense:
        _steps(grid, steps, along, up)
    clipped += _put(grid, foot, kept, axis, along, up)
    _put_best(grid, data, along, up, seen, place)
    return Chart(data, axis, grid, foot, names, gutter, along, up, len(seen), clipped)


def legend(data: Gathered, clipped: int, width: int) -> list[Line]:
    """Return what the shapes that occur mean, in rows of `width` cells."""
    parts: list[Line] = [(("─", "good"), (" best so far", "muted"))]
    if data.band is not None:
        parts.append(((SHADE * 2, "faint"), (f" {data.band.words}", "muted")))
    for status in (Status.KEEP, Status.DISCARD, Status.PRUNED, Status.CRASH, Status.INVALID):
        if status in data.statuses:
            glyph, style = STATUS_GLYPHS[status]
            parts.append(((glyph, style), (f" {status}", "muted")))
    if clipped:
        arrow = "↑" if data.direction is Direction.LOWER else "↓"
        parts.append(((arrow, "warn"), (f" {clipped} far worse", "muted")))
    rows: list[Line] = [()]
    for part in parts:
        joined: Line = (*rows[-1], ("  ", ""), *part) if rows[-1] else part
        if width_of(joined) <= width or not rows[-1]:
            rows[-1] = joined
        else:
            rows.append(part)
    return rows


def subject(each: Experiment | None, metric: str) -> tuple[Line, Line]:
    """Return what the cursor is on: its name, and its result."""
    if each is None:
        return (), ()
    name: Line = ((f"#{each.number} ", "strong accent"), (one_line(each.title), ""))
    if each.status is None:
        return name, (("no verdict yet", "muted"),)
    glyph, style = STATUS_GLYPHS[each.status]
    value = f"{bpb(each.val_bpb)} " if each.val_bpb is not None else ""
    change = f"{change_words(each.change, metric)} " if each.change is not None else ""
    return name, ((f"{value}{change}", "strong"), (f"{glyph} {each.status}", style))


def _places(points: list[Point], axis: Axis) -> list[float]:
    if axis is Axis.NUMBER:
        return [each.number for each in points]
    return [each.at for each in points]


def _place_of(axis: Axis) -> Callable[[Point], float]:
    if axis is Axis.NUMBER:
        return lambda point: point.number
    return lambda point: point.at


def _cells(axis: Axis, low: float, high: float, width: int) -> int:
    """Return how many cells a range takes: few experiments are not spread over a wide screen."""
    if axis is Axis.TIME:
        return width
    return min(width, round(high - low) * MAX_STRIDE_CELLS + 1)


def _range_words(along: Scale, axis: Axis) -> str:
    if axis is Axis.NUMBER:
        return f"#{along.low:.0f}-{along.high:.0f}"
    return f"{_hours(along.low)}-{_hours(along.high)}h"


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def _fenced(
    seen: list[Point], steps: list[tuple[float, float]], direction: Direction
) -> tuple[float, float]:
    """Return the range to show: what lies far on the worse side must not flatten the rest.

    A result is far out by its distance to the best of its time, which in a night that goes well
    leaves earlier results behind, or by its own size.
    """
    sign = 1.0 if direction is Direction.LOWER else -1.0
    best = sign * steps[0][1] if steps else math.inf
    losses: list[float] = []
    gaps: list[float] = []
    for each in seen:
        if math.isfinite(each.value):
            loss = sign * each.value
            losses.append(loss)
            gaps.append(0.0 if best == math.inf else loss - best)
            best = min(best, loss) if each.status is Status.KEEP else best
    fence = upper_fence(gaps)
    near = [loss for loss, gap in zip(losses, gaps, strict=True) if gap <= fence]
    near += [sign * value for _, value in steps]
    low, high = min([*losses, *near]), upper_fence(near)
    return (low, high) if direction is Direction.LOWER else (-high, -low)


def _levels(data: Gathered, axis: Axis, low: float, high: float) -> list[tuple[float, float]]:
    """Return where the best so far was which, from the left edge of the view on."""
    place = _place_of(axis)
    kept = (p for p in data.points if p.status is Status.KEEP and math.isfinite(p.value))
    steps = [(place(point), point.value) for point in kept if place(point) <= high]
    first = next((i for i, (x, _) in enumerate(steps) if x > low), len(steps))
    if first:
        # The keep before the view is the best at its left edge.
        x, value = steps[first - 1]
        steps = [(max(x, low), value), *steps[first:]]
    if steps and data.level is not None and high >= data.extent(axis)[1]:
        # After an undo an earlier keep is the best again.
        steps.append((high, data.level))
    return steps


def _row(value: float, up: Scale) -> int:
    return up.cells - 1 - up.cell(value)


def _shade(grid: Grid, data: Gathered, up: Scale) -> None:
    if data.band is None or data.level is None:
        return
    low, high = data.level - data.band.half, data.level + data.band.half
    if high < up.low or low > up.high:
        return
    for y in range(_row(high, up), _row(low, up) + 1):
        for x in range(y % 2, grid.width, 2):
            grid.put(x, y, SHADE, "faint")


def _steps(grid: Grid, steps: list[tuple[float, float]], along: Scale, up: Scale) -> None:
    if not steps:
        return
    for (start, value), (end, then) in pairwise([*steps, (along.high, steps[-1][1])]):
        x, until = along.cell(start), along.cell(end)
        y, next_y = _row(value, up), _row(then, up)
        for cell in range(x, until + 1):
            grid.put(cell, y, "─", "good")
        if next_y != y and until > x:
            grid.put(until, y, "╮" if next_y > y else "╯", "good")
            for row in range(min(y, next_y) + 1, max(y, next_y)):
                grid.put(until, row, "│", "good")
            grid.put(until, next_y, "╰" if next_y > y else "╭", "good")


def _put(grid: Grid, foot: Grid, points: list[Point], axis: Axis, along: Scale, up: Scale) -> int:
    """Put experiments in their cells, and return how many of them lie beyond the edge."""
    columns = along.cells_of(_places(points, axis))
    measured = [math.isfinite(each.value) for each in points]
    heights = up.cells_of(
        [each.value if ok else up.low for each, ok in zip(points, measured, strict=True)]
    )
    # Where thousands share few cells, each cell is drawn once.
    cells: dict[tuple[int, int | str, Status], None] = {}
    clipped = 0
    for each, x, height, ok in zip(points, columns, heights, measured, strict=True):
        where: int | str = height
        if not ok:
            where = "foot"
        elif each.value > up.high or each.value < up.low:
            where = "↑" if each.value > up.high else "↓"
            clipped += 1
        cells[x, where, each.status] = None
    for x, where, status in cells:
        glyph, style = STATUS_GLYPHS[status]
        match where:
            case "foot" if status in FAILED or status is Status.PRUNED:
                foot.put(x, 0, glyph, style)
            case "↑" | "↓":
                grid.put(x, 0 if where == "↑" else grid.height - 1, where, style)
            case int():
                grid.put(x, up.cells - 1 - where, glyph, style)
            case _:
                pass
    return clipped


def _put_best(
    grid: Grid,
    data: Gathered,
    along: Scale,
    up: Scale,
    seen: list[Point],
    place: Callable[[Point], float],
) -> None:
    best = next((each for each in reversed(seen) if each.number == data.incumbent), None)
    if best is not None and math.isfinite(best.value):
        grid.put(along.cell(place(best)), _row(best.value, up), "★", "strong good")
