"""The night as a chart: the `val_bpb` of every experiment."""

import math
from typing import ClassVar

from autoresearch_tui.record.events import Direction, Status
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.stats.spread import upper_fence
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.text import Line, one_line
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.plot import Grid, Scale, labels
from autoresearch_tui.tui.words import FAILED, STATUS_GLYPHS

MAX_STRIDE_CELLS = 6


class HistoryPane(Pane):
    """Every experiment by its number, and the best so far as a line of steps."""

    ID: ClassVar[str] = "history"
    NAME: ClassVar[str] = "History"
    HELP: ClassVar[str | None] = (
        "The metric of every experiment by its number (of val_bpb, lower is better): ● kept, "
        f"○ not kept, {CROSS} failed (on the axis, for it has no number), ↑ or ↓ far worse than "
        "the rest, ★ the one to beat. The line is the best so far, ▴ the experiment under the "
        "table's cursor."
    )

    def __init__(self, digit: int) -> None:
        """Make a chart with nothing selected."""
        super().__init__(digit)
        self.selected: int | None = None
        self._drawn: tuple[tuple[int, int, int, int | None], list[Line]] | None = None

    def rows(self, width: int) -> list[Line]:
        """Return the chart for the size of the pane."""
        height = self.content_size.height
        key = (self.night.state.facts, width, height, self.selected)
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, self._chart(width, height))
        return self._drawn[1]

    def _chart(self, width: int, height: int) -> list[Line]:
        experiments = [each for each in self.night.state.experiments.values() if each.status]
        values = [each.val_bpb for each in experiments if each.val_bpb is not None]
        values = [value for value in values if math.isfinite(value)]
        if not values or height < 3:
            metric = one_line(self.night.state.metric)
            return [((f"No experiment has a {metric} yet.", "muted"),)]
        # What lies far on the worse side must not flatten the rest.
        if self.night.state.direction is Direction.LOWER:
            low, high = min(values), upper_fence(values)
        else:
            low, high = -upper_fence([-value for value in values]), max(values)
        rows = height - 1
        names = labels(low, high, rows)
        gutter = max(len(name) for name in names.values()) + 1
        grid = Grid(max(1, width - gutter - 1), rows)
        axis = Grid(grid.width, 1)
        last = max(each.number for each in experiments)
        stride = min(MAX_STRIDE_CELLS, max(1, (grid.width - 1) // max(1, last)))
        along = Scale(0, last, min(grid.width, last * stride + 1) if last else 1)
        up = Scale(low, high, rows)
        for x in range(grid.width):
            axis.put(x, 0, "─", "faint")
        self._best_so_far(grid, experiments, along, up)
        for each in experiments:
            self._place(grid, axis, each, along, up)
        if self.selected is not None and self.selected <= last:
            axis.put(along.cell(self.selected), 0, "▴", "strong accent")
        lines: list[Line] = []
        for y in range(rows):
            label = names.get(y, "").rjust(gutter)
            lines.append(((label, "muted"), ("┤" if y in names else "│", "faint"), *grid.row(y)))
        lines.append(((f"#0-{last}".rjust(gutter), "muted"), ("└", "faint"), *axis.row(0)))
        return lines

    def _best_so_far(
        self, grid: Grid, experiments: list[Experiment], along: Scale, up: Scale
    ) -> None:
        keeps = [each for each in experiments if each.status is Status.KEEP and _has_value(each)]
        bottom = grid.height - 1
        end = along.cell(along.high)
        for index, keep in enumerate(keeps):
            x, y = along.cell(keep.number), bottom - up.cell(keep.val_bpb or 0.0)
            until = along.cell(keeps[index + 1].number) if index + 1 < len(keeps) else end
            for cell in range(x, until + 1):
                grid.put(cell, y, "─", "good")
            if index + 1 == len(keeps):
                continue
            then = bottom - up.cell(keeps[index + 1].val_bpb or 0.0)
            if then != y and until > x:
                grid.put(until, y, "╮" if then > y else "╯", "good")
                for row in range(min(y, then) + 1, max(y, then)):
                    grid.put(until, row, "│", "good")

    def _place(self, grid: Grid, axis: Grid, each: Experiment, along: Scale, up: Scale) -> None:
        if each.status is None:
            return
        glyph, style = STATUS_GLYPHS[each.status]
        x = along.cell(each.number)
        if not _has_value(each):
            if each.status in FAILED:
                axis.put(x, 0, glyph, style)
            return
        value = each.val_bpb or 0.0
        y = grid.height - 1 - up.cell(value)
        if value > up.high:
            grid.put(x, 0, "↑", style)
        elif value < up.low:
            grid.put(x, grid.height - 1, "↓", style)
        else:
            best = each.number == self.night.state.incumbent
            grid.put(x, y, "★" if best else glyph, f"strong {style}" if best else style)


def _has_value(experiment: Experiment) -> bool:
    value = experiment.val_bpb
    return value is not None and math.isfinite(value)
