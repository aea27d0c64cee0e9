"""The table of experiments, the newest first."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from autoresearch_tui.record.events import Status
from autoresearch_tui.record.metric import BITS_PER_BYTE
from autoresearch_tui.record.state import Experiment, Phase
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.text import Line, bpb, clock, milli, one_line, pad
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.words import LABLESS, PHASE_WORDS, STATUS_GLYPHS, Word

NUMBER_CELLS = 6
BPB_CELLS = 10
CHANGE_CELLS = 10
STATUS_CELLS = 12
TIME_CELLS = 8
MEMORY_CELLS = 10
AGENT_CELLS = 10
WIDE_CELLS = 120


class ExperimentsPane(Pane):
    """One row an experiment; the cursor chooses which one the other panes show.

    The cursor stays with the experiment in flight until it is moved, and again after `Home`.
    """

    ID: ClassVar[str] = "experiments"
    NAME: ClassVar[str] = "Experiments"
    HELP: ClassVar[str | None] = (
        "Every experiment, the newest first. val_bpb is the validation loss in bits per byte, "
        "change the difference to the version it started from in thousandths (negative is "
        f"better). ● kept, ○ not kept, {CROSS} failed, ★ the one to beat, "
        "! an edit to look at before its result is believed. Arrows choose, Enter opens, "
        "Home goes back to the one in flight."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False, id="table.up"),
        Binding("down", "move(1)", "down", show=False, id="table.down"),
        Binding("pageup", "move_page(-1)", "page up", show=False, id="table.page_up"),
        Binding("pagedown", "move_page(1)", "page down", show=False, id="table.page_down"),
        Binding("home", "follow", "newest", show=False, id="table.follow"),
        Binding("end", "oldest", "oldest", show=False, id="table.oldest"),
    ]

    class Chosen(Message):
        """The cursor is on another experiment."""

    def __init__(self, digit: int) -> None:
        """Make a table whose cursor follows the night."""
        super().__init__(digit)
        self.chosen: int | None = None

    @property
    def selected(self) -> int | None:
        """The experiment under the cursor."""
        if self.chosen is not None:
            return self.chosen
        return max(self.night.state.experiments, default=None)

    def choose(self, number: int | None) -> None:
        """Put the cursor on an experiment, or have it follow the night again."""
        newest = max(self.night.state.experiments, default=None)
        self.chosen = None if number == newest else number
        self.redraw()
        self.post_message(self.Chosen())

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        numbers = sorted(self.night.state.experiments, reverse=True)
        if numbers:
            at = numbers.index(self.selected or 0) if self.selected in numbers else 0
            self.choose(numbers[max(0, min(len(numbers) - 1, at + rows))])

    def action_move_page(self, pages: int) -> None:
        """Move the cursor by what is in view."""
        self.action_move(pages * max(1, self.content_size.height - 2))

    def action_follow(self) -> None:
        """Go to the newest experiment, and stay with the newest."""
        self.choose(None)

    def action_oldest(self) -> None:
        """Go to the baseline."""
        self.choose(min(self.night.state.experiments, default=None))

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Show the cursor in its stronger colour while the table has the focus."""
        super().watch_has_focus(_has_focus)
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Choose the experiment that was clicked."""
        at = self.top + event.get_content_offset_capture(self).y - 1
        numbers = sorted(self.night.state.experiments, reverse=True)
        if 0 <= at < len(numbers):
            self.choose(numbers[at])

    def action_scroll_rows(self, rows: int) -> None:
        """Let the wheel move the cursor."""
        self.action_move(rows)

    def draw(self, size: Size) -> list[Line]:
        """Return the heading and the rows in view."""
        width, height = size
        numbers = sorted(self.night.state.experiments, reverse=True)
        if not numbers:
            edited = one_line(self.night.state.edited_file)
            return [((f"The first experiment is the baseline: {edited} as it stands.", "muted"),)]
        selected = self.selected
        at = numbers.index(selected) if selected in numbers else 0
        room = max(1, height - 1)
        self.top = min(max(self.top, at - room + 1), at, max(0, len(numbers) - room))
        rows = [_heading(width, self.night.state.metric)]
        for number in numbers[self.top : self.top + room]:
            line = self._row(self.night.state.experiments[number], width)
            if number == selected:
                style = "cursor" if self.has_focus else "cursor-blurred"
                line = tuple((text, f"{names} {style}") for text, names in line)
            rows.append(line)
        return rows

    def _row(self, each: Experiment, width: int) -> Line:
        best = each.number == self.night.state.incumbent
        glyph, style, word = _standing(each, self.night.word)
        change_style = "good" if each.status is Status.KEEP else "muted"
        title_cells = _title_cells(width)
        line: Line = (
            *_number(each, best=best),
            (pad(one_line(each.title), title_cells), "strong" if best else ""),
            (bpb(each.val_bpb).rjust(BPB_CELLS), "strong" if best else ""),
            (milli(each.change).rjust(CHANGE_CELLS), change_style),
            (pad(f"  {glyph} {word}", STATUS_CELLS + 2), style),
            (_took(each).rjust(TIME_CELLS), "muted"),
        )
        if width < WIDE_CELLS:
            return line
        run = each.last_run
        memory = f"{run.peak_memory_mb / 1024:.1f} GiB" if run and run.peak_memory_mb else "-"
        agent = ("  " + pad(one_line(each.agent), AGENT_CELLS - 2), "muted")
        return (*line, (memory.rjust(MEMORY_CELLS), "muted"), agent)


def _number(each: Experiment, *, best: bool) -> Line:
    number, style = f"{'★' if best else ' '}{each.number:>4}", "good strong" if best else "muted"
    return ((number, style), ("!", "warn strong")) if each.marks else ((f"{number} ", style),)


def _title_cells(width: int) -> int:
    rest = NUMBER_CELLS + BPB_CELLS + CHANGE_CELLS + STATUS_CELLS + 2 + TIME_CELLS
    if width >= WIDE_CELLS:
        rest += MEMORY_CELLS + AGENT_CELLS
    return max(8, width - rest)


def _heading(width: int, metric: str) -> Line:
    unit = "mbpb" if metric == BITS_PER_BYTE else "/ 1000"
    words = (
        " " * (NUMBER_CELLS - 2)
        + "# "
        + pad("what was tried", _title_cells(width))
        + pad(one_line(metric), BPB_CELLS - 1).strip().rjust(BPB_CELLS)
        + unit.rjust(CHANGE_CELLS)
        + pad("  verdict", STATUS_CELLS + 2)
        + "took".rjust(TIME_CELLS)
    )
    if width >= WIDE_CELLS:
        words += "memory".rjust(MEMORY_CELLS) + "  " + pad("agent", AGENT_CELLS - 2)
    return ((words, "muted"),)


def _standing(each: Experiment, night: Word) -> tuple[str, str, str]:
    """Return glyph, style and word for how far an experiment has come, or how it ended."""
    if each.status is not None and each.phase is Phase.JUDGED:
        glyph, style = STATUS_GLYPHS[each.status]
        return glyph, style, each.status.value
    if night in LABLESS:
        return "◌", "muted", "unfinished"
    if each.phase is Phase.WAITING_FOR_APPROVAL:
        return "◆", "warn strong", PHASE_WORDS[each.phase]
    return "▶", "accent", PHASE_WORDS[each.phase]


def _took(each: Experiment) -> str:
    if not each.runs or each.judged_at is None:
        return "-"
    return clock(each.judged_at - each.runs[0].started_at)
