"""The night as a chart: the metric of every experiment, and a cursor to choose one with."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.results import Axis, Gathered, gathered
from autoresearch_tui.tui.text import Line, both_ends, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.history_chart import (
    LEGEND_FROM_HEIGHT,
    Chart,
    chart,
    legend,
    subject,
)
from autoresearch_tui.tui.widgets.plot import Zoom

SUBJECT_FROM_HEIGHT = 8
ZOOM_FACTOR = 2.0
AXIS_CHOICE = "history.axis"
LEAST_EXPERIMENTS = 8
"""How far it zooms in: about so many experiments stay in view."""
PAN_SHARE = 0.5
"""How much of the view it moves by."""


class HistoryPane(Pane):
    """Every experiment by number or time, the best so far as steps, and the noise around it."""

    ID: ClassVar[str] = "history"
    NAME: ClassVar[str] = "History"
    HELP: ClassVar[str | None] = (
        "The metric of every experiment (of val_bpb, lower is better): ● kept, ○ not kept, "
        f"◇ ended early, {CROSS} failed, ▽ invalid, ★ the one to beat, ↑ or ↓ far worse and beyond "
        "the edge. The line is the best so far. Dots fill the noise around it: how far apart two "
        "runs of one file come out, by repeats, else guessed from the smallest changes; what lies "
        "inside may be luck. ▴ is the experiment that all panes show."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left",
            "step(-1)",
            "earlier",
            show=False,
            tooltip="Go to an earlier experiment.",
            id="chart.earlier",
        ),
        Binding(
            "right",
            "step(1)",
            "later",
            show=False,
            tooltip="Go to a later experiment.",
            id="chart.later",
        ),
        Binding(
            "pageup",
            "step_keep(-1)",
            "keep before",
            show=False,
            tooltip="Go to the keep before.",
            id="chart.prev_keep",
        ),
        Binding(
            "pagedown",
            "step_keep(1)",
            "next keep",
            show=False,
            tooltip="Go to the next keep.",
            id="chart.next_keep",
        ),
        Binding(
            "home",
            "first",
            "first",
            show=False,
            tooltip="Go to the first experiment.",
            id="chart.first",
        ),
        Binding(
            "end",
            "newest",
            "newest",
            show=False,
            tooltip="Go to the newest experiment, and stay with it.",
            id="chart.newest",
        ),
        Binding(
            "plus,equals_sign,up",
            "zoom_by(-1)",
            "zoom in",
            tooltip="Show less of the night, around the cursor.",
            id="chart.zoom_in",
        ),
        Binding(
            "minus,down",
            "zoom_by(1)",
            "zoom out",
            tooltip="Show more of the night.",
            id="chart.zoom_out",
        ),
        Binding(
            "comma",
            "pan(-1)",
            "move left",
            show=False,
            tooltip="Move the view to earlier experiments.",
            id="chart.pan_left",
        ),
        Binding(
            "full_stop",
            "pan(1)",
            "move right",
            show=False,
            tooltip="Move the view to later experiments.",
            id="chart.pan_right",
        ),
        Binding(
            "0",
            "all",
            "show all",
            show=False,
            tooltip="Show the whole night again.",
            id="chart.all",
        ),
        Binding(
            "y",
            "screen.copy_chosen",
            "copy",
            show=False,
            tooltip="Copy the commit or the diff of the experiment.",
            id="chart.copy",
        ),
        Binding(
            "b",
            "change_axis",
            "by time",
            tooltip="Lay the experiments out by number or by time.",
            id="chart.axis",
        ),
    ]

    class Picked(Message):
        """The cursor was moved to an experiment."""

        def __init__(self, number: int) -> None:
            """Name the experiment."""
            super().__init__()
            self.number = number

    def __init__(self, digit: int) -> None:
        """Make a chart of all of the night, with nothing selected."""
        super().__init__(digit)
        self.selected: int | None = None
        self.axis = Axis.NUMBER
        self.zoom = Zoom()
        self._gathered: tuple[tuple[object, ...], Gathered] | None = None
        self._charted: tuple[Gathered, Axis, Zoom] | None = None
        self._charts: dict[tuple[int, int], Chart | None] = {}
        """The charts of the present data and view, by their size."""
        self._shown: Chart | None = None
        self._legend_rows = 1

    def on_mount(self) -> None:
        """Lay the experiments out as the person did last."""
        if self.viewer.layout.get(AXIS_CHOICE) == Axis.TIME:
            self.axis = Axis.TIME

    @property
    def data(self) -> Gathered:
        """What is charted."""
        state = self.night.state
        # These change whenever a point does, is added or taken away.
        key = (id(state), state.judged_count, state.incumbent, len(state.experiments))
        if self._gathered is None or self._gathered[0] != key:
            self._gathered = (key, gathered(state))
        return self._gathered[1]

    def rows(self, width: int) -> list[Line]:
        """Return the chart for the size of the pane."""
        height = self.content_size.height
        state = self.night.state
        with_subject = height >= SUBJECT_FROM_HEIGHT
        with_legend = height >= LEGEND_FROM_HEIGHT
        # It mostly takes as many rows as the last time.
        legend_rows = self._legend_rows if with_legend else 0
        drawn = self._drawn(width, height - with_subject - legend_rows)
        explained: list[Line] = []
        if drawn is not None and with_legend:
            explained = legend(drawn.data, drawn.clipped, width)
            self._legend_rows = len(explained)
            drawn = self._drawn(width, height - with_subject - len(explained))
        self._shown = drawn
        if drawn is None:
            metric = one_line(state.metric)
            nothing = f"No experiment has a {metric} yet."
            if self.zoom.span is not None:
                nothing = f"No experiment in view has a {metric}. 0 shows all."
            elif state.judged_count:
                nothing += " Enter on one in the table shows what became of it."
            return [((line, "muted"),) for line in wrap(nothing, width)]
        rows = drawn.lines(self.selected)
        if with_subject:
            chosen = state.experiments.get(-1 if self.selected is None else self.selected)
            rows.insert(0, both_ends(*subject(chosen, state.metric), width))
        return rows + explained

    def _drawn(self, width: int, height: int) -> Chart | None:
        data = self.data
        key = (data, self.axis, self.zoom)
        if self._charted != key:
            self._charted = key
            self._charts.clear()
        size = (width, height)
        if size not in self._charts:
            self._charts[size] = chart(data, self.axis, self.zoom, width, height)
        return self._charts[size]

    def _pick(self, number: int) -> None:
        if (place := self.data.place(number, self.axis)) is not None:
            self.zoom = self.zoom.holding(*self.data.extent(self.axis), place)
        self.selected = number
        self.redraw()
        self.post_message(self.Picked(number))

    def action_step(self, by: int) -> None:
        """Move the cursor to an earlier or a later experiment."""
        numbers = self.data.numbers
        if not numbers:
            return
        at = numbers.index(self.selected) if self.selected in numbers else len(numbers) - 1
        step = by if self._shown is None else by * self._shown.step()
        self._pick(numbers[max(0, min(len(numbers) - 1, at + step))])

    def action_step_keep(self, by: int) -> None:
        """Move the cursor to the keep before or after it."""
        kept = [each.number for each in self.data.points if each.status is Status.KEEP]
        selected = -1 if self.selected is None else self.selected
        kept = [number for number in kept if (number - selected) * by > 0]
        if kept:
            self._pick(kept[0] if by > 0 else kept[-1])

    def action_first(self) -> None:
        """Move the cursor to the first experiment."""
        if numbers := self.data.numbers:
            self._pick(numbers[0])

    def action_newest(self) -> None:
        """Move the cursor to the newest experiment."""
        if numbers := self.data.numbers:
            self._pick(numbers[-1])

    def action_zoom_by(self, steps: int) -> None:
        """Show less or more of the night, around the cursor."""
        low, high = self.data.extent(self.axis)
        place = None if self.selected is None else self.data.place(self.selected, self.axis)
        around = high if place is None else place
        least = (high - low) * LEAST_EXPERIMENTS / max(1, len(self.data.numbers) - 1)
        self._show(self.zoom.scaled(low, high, ZOOM_FACTOR**steps, around, least))

    def action_pan(self, steps: int) -> None:
        """Move the view to earlier or later experiments."""
        low, high = self.data.extent(self.axis)
        self._show(self.zoom.moved(low, high, steps * PAN_SHARE * (self.zoom.span or 0.0)))

    def action_all(self) -> None:
        """Show the whole night."""
        self._show(Zoom())

    def action_change_axis(self) -> None:
        """Change between numbers and time."""
        self.axis = Axis.TIME if self.axis is Axis.NUMBER else Axis.NUMBER
        self.viewer.layout.put(AXIS_CHOICE, self.axis)
        self._show(Zoom())

    def _show(self, zoom: Zoom) -> None:
        self.zoom = zoom
        low, high = self.data.extent(self.axis)
        start, end = zoom.window(low, high)
        share = (end - start) / (high - low) if high > low else 1.0
        shown = f"{share:.0%} of the night, 0 shows all" if share < 1 else None
        if self.border_subtitle != shown:
            self.border_subtitle = shown
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Choose the experiment nearest to the column that was clicked."""
        drawn = self._shown
        if drawn is None:
            return
        x = event.get_content_offset_capture(self).x - drawn.gutter - 1
        wanted = drawn.along.value(x)
        places = {n: self.data.place(n, self.axis) for n in self.data.numbers}
        near = [(abs(place - wanted), n) for n, place in places.items() if place is not None]
        if near:
            self._pick(min(near)[1])

    def action_scroll_rows(self, rows: int) -> None:
        """Let the wheel zoom."""
        self.action_zoom_by(1 if rows > 0 else -1)
