"""The table of experiments: sorted by any column, filtered by typing, one row an experiment."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from autoresearch_tui.record.metric import BITS_PER_BYTE
from autoresearch_tui.record.state import Experiment, Phase
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.table import Column, Listing, took_s
from autoresearch_tui.tui.text import Line, Span, both_ends, bpb, clock, milli, one_line, pad
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.words import LABLESS, PHASE_WORDS, STATUS_GLYPHS, Word

LEAST_NUMBER_DIGITS = 4
SIGN_CELLS = 2
"""Before and after the number: the best or marked, and something to look at."""
LEAST_TITLE_CELLS = 8
METRIC_CELLS = 10
CHANGE_CELLS = 9
STATUS_CELLS = 14
TOOK_CELLS = 8
MEMORY_CELLS = 10
AGENT_CELLS = 12
TOOK_FROM_WIDTH = 72
MEMORY_FROM_WIDTH = 84
AGENT_FROM_WIDTH = 98
MARKED = "»"
SORT_CHOICE = "table.sort"
REVERSED = "reversed"
QUERY_CHARS = 60


class ExperimentsPane(Pane):
    """One row an experiment; the cursor chooses which one the other panes show.

    The cursor stays with the newest experiment until it is moved, and again after `Home`.
    """

    ID: ClassVar[str] = "experiments"
    NAME: ClassVar[str] = "Experiments"
    HELP: ClassVar[str | None] = (
        "Every experiment, those without a verdict on top. val_bpb is the validation loss in bits "
        "per byte, the next column its difference to the version it started from in thousandths "
        f"(negative is better). ● kept, ○ not kept, ◇ ended early, {CROSS} failed, ▽ invalid, ★ "
        "the one to beat, » marked, ! an edit to look at before its result is believed. The filter "
        "takes words of title, status and agent, and #12 for a number."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False, tooltip="Go up a row.", id="table.up"),
        Binding("down", "move(1)", "down", show=False, tooltip="Go down a row.", id="table.down"),
        Binding(
            "pageup",
            "move_page(-1)",
            "page up",
            show=False,
            tooltip="Go up by what is in view.",
            id="table.page_up",
        ),
        Binding(
            "pagedown",
            "move_page(1)",
            "page down",
            show=False,
            tooltip="Go down by what is in view.",
            id="table.page_down",
        ),
        Binding(
            "home",
            "follow",
            "newest",
            show=False,
            tooltip="Go to the newest, and stay with it.",
            id="table.follow",
        ),
        Binding("end", "last", "last", show=False, tooltip="Go to the last row.", id="table.last"),
        Binding(
            "slash",
            "filter",
            "filter",
            key_display="/",
            tooltip="Show the experiments whose title, status or agent has what you type.",
            id="table.filter",
        ),
        Binding("o", "sort", "sort", tooltip="Sort by the next column.", id="table.sort"),
        Binding(
            "O",
            "reverse",
            "reverse",
            show=False,
            tooltip="Sort the other way round.",
            id="table.reverse",
        ),
        Binding(
            "escape",
            "unfilter",
            "all",
            key_display="esc",
            tooltip="Show all experiments again.",
            id="table.unfilter",
        ),
        Binding(
            "y",
            "screen.copy_chosen",
            "copy",
            show=False,
            tooltip="Copy the commit or the diff.",
            id="table.copy",
        ),
    ]

    class Chosen(Message):
        """The cursor is on another experiment."""

    def __init__(self, digit: int) -> None:
        """Make a table whose cursor follows the night."""
        super().__init__(digit)
        self.chosen: int | None = None
        self.listing = Listing()
        self.typing = False
        """Whether keys go into the filter."""

    def on_mount(self) -> None:
        """Sort as the person did last."""
        column, _, order = self.viewer.layout.get(SORT_CHOICE).partition(" ")
        if column in list(Column):
            self.listing.column, self.listing.reverse = Column(column), order == REVERSED

    @property
    def numbers(self) -> list[int]:
        """The experiments in the table, from the top."""
        word = self.night.word
        return self.listing.numbers(self.night.state, lambda each: _standing(each, word)[2])

    @property
    def selected(self) -> int | None:
        """The experiment under the cursor."""
        experiments = self.night.state.experiments
        # Of another session, or of an earlier moment of a replay, it may not be there.
        return self.chosen if self.chosen in experiments else max(experiments, default=None)

    def choose(self, number: int | None) -> None:
        """Put the cursor on an experiment, or have it follow the night again."""
        newest = max(self.night.state.experiments, default=None)
        self.chosen = None if number == newest else number
        self.redraw()
        self.post_message(self.Chosen())

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        numbers = self.numbers
        if numbers:
            at = numbers.index(self.selected) + rows if self.selected in numbers else self.top
            self.choose(numbers[max(0, min(len(numbers) - 1, at))])

    def action_move_page(self, pages: int) -> None:
        """Move the cursor by what is in view."""
        self.action_move(pages * max(1, self.content_size.height - 2))

    def action_follow(self) -> None:
        """Go to the newest experiment and stay with the newest; or to the first row, if sorted."""
        plain = self.listing.column is Column.NUMBER and not self.listing.reverse
        self._to_first() if not plain or self.listing.query else self.choose(None)

    def action_last(self) -> None:
        """Go to the last row."""
        if numbers := self.numbers:
            self.choose(numbers[-1])

    def action_sort(self) -> None:
        """Sort by the next column, and go to its first row."""
        self._sort(self.listing.column.next, reverse=False)

    def action_reverse(self) -> None:
        """Sort the other way round, and go to the first row."""
        self._sort(self.listing.column, reverse=not self.listing.reverse)

    def _sort(self, column: Column, *, reverse: bool) -> None:
        self.listing.column, self.listing.reverse = column, reverse
        self.viewer.layout.put(SORT_CHOICE, f"{column}{f' {REVERSED}' if reverse else ''}")
        self.action_follow()

    def action_filter(self) -> None:
        """Have the next keys go into the filter."""
        self.typing = True
        self.refresh_bindings()
        self.redraw()

    def action_unfilter(self) -> None:
        """Show all experiments again, the cursor where it is."""
        self._filter("", typing=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to sort and to filter what there is, and to drop the filter where there is one."""
        if action == "unfilter":
            return bool(self.listing.query) or self.typing
        if action in ("filter", "sort", "reverse"):
            return bool(self.night.state.experiments)
        return super().check_action(action, parameters)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002
        """Return whether a key goes into the filter, so that no verb is offered for it."""
        return self.typing and character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        """Type the filter."""
        if not self.typing:
            return
        query = self.listing.query
        match event.key:
            case "enter":
                self._filter(query.strip(), typing=False)
            case "escape":
                self._filter("", typing=False)
            case "backspace":
                self._filter(query[:-1], typing=bool(query))
            case "ctrl+u":
                self._filter("", typing=True)
            case _ if event.character is not None and event.is_printable:
                self._filter((query + event.character)[:QUERY_CHARS], typing=True)
            case _:
                # Arrows and pages move the cursor among what is found so far.
                return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Paste into the filter."""
        if self.typing:
            event.stop()
            self._filter((self.listing.query + one_line(event.text))[:QUERY_CHARS], typing=True)

    def on_blur(self) -> None:
        """Keep the filter, and stop typing it."""
        if self.typing:
            self._filter(self.listing.query.strip(), typing=False)

    def _filter(self, query: str, *, typing: bool) -> None:
        changed = query != self.listing.query
        self.listing.query = query
        if self.typing != typing:
            self.typing = typing
            self.refresh_bindings()
        if changed and self.selected not in self.numbers:
            self._to_first()
        self.redraw()

    def _to_first(self) -> None:
        self.top = 0
        if numbers := self.numbers:
            self.choose(numbers[0])
        self.redraw()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Show the cursor in its stronger colour while the table has the focus."""
        super().watch_has_focus(_has_focus)
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Choose the experiment that was clicked."""
        heading = 1 + self._is_filtered
        at = self.top + event.get_content_offset_capture(self).y - heading
        numbers = self.numbers
        if at >= self.top and at < len(numbers):
            self.choose(numbers[at])

    def action_scroll_rows(self, rows: int) -> None:
        """Let the wheel move the cursor."""
        self.action_move(rows)

    @property
    def _is_filtered(self) -> bool:
        return self.typing or bool(self.listing.query)

    def draw(self, size: Size) -> list[Line]:
        """Return the filter, the heading and the rows in view."""
        width, height = size
        state = self.night.state
        if not state.experiments:
            edited = one_line(state.edited_file)
            return [((f"The first experiment is the baseline: {edited} as it stands.", "muted"),)]
        numbers = self.numbers
        rows = [self._filter_row(len(numbers), width)] if self._is_filtered else []
        columns = _Columns(width, max(state.experiments), state.metric)
        rows.append(columns.heading(self.listing.column, reverse=self.listing.reverse))
        selected = self.selected
        at = numbers.index(selected) if selected in numbers else self.top
        room = max(1, height - len(rows))
        self.top = max(0, min(max(self.top, at - room + 1), at, len(numbers) - room))
        for number in numbers[self.top : self.top + room]:
            line = self._row(state.experiments[number], columns)
            if number == selected:
                style = "cursor" if self.has_focus else "cursor-blurred"
                line = tuple((text, f"{names} {style}") for text, names in line)
            rows.append(line)
        return rows

    def _filter_row(self, found: int, width: int) -> Line:
        cursor = "▏" if self.typing else ""
        total = len(self.night.state.experiments)
        hint = "Enter keeps, Esc drops it" if self.typing else "Esc shows all"
        return both_ends(
            (("/ ", "key"), (f"{self.listing.query}{cursor}", "strong")),
            ((f"{found} of {total}", "strong"), (f"  {hint}", "muted")),
            width,
        )

    def _row(self, each: Experiment, columns: "_Columns") -> Line:
        best = each.number == self.night.state.incumbent
        glyph, style, word = _standing(each, self.night.word)
        change_style = "good" if each.status is Status.KEEP else "muted"
        seconds = took_s(each)
        line: list[Span] = [
            *_number(each, columns.digits, best=best, marked=each.number == self.night.marked),
            (pad(one_line(each.title), columns.title), "strong" if best else ""),
            (bpb(each.val_bpb).rjust(METRIC_CELLS), "strong" if best else ""),
            (milli(each.change).rjust(CHANGE_CELLS), change_style),
        ]
        if columns.memory:
            run = each.last_run
            memory = f"{run.peak_memory_mb / 1024:.1f} GiB" if run and run.peak_memory_mb else "-"
            line.append((memory.rjust(MEMORY_CELLS), "muted"))
        line.append((pad(f"  {glyph} {word}", STATUS_CELLS), style))
        if columns.took:
            took = "-" if seconds is None else clock(seconds)
            line.append((took.rjust(TOOK_CELLS), "muted"))
        if columns.agent:
            line.append(("  " + pad(one_line(each.agent), AGENT_CELLS - 2), "muted"))
        return tuple(line)


class _Columns:
    """Which columns a width has room for, and how wide the title is."""

    def __init__(self, width: int, last: int, metric: str) -> None:
        self.metric = one_line(metric)
        self.digits = max(LEAST_NUMBER_DIGITS, len(str(last)))
        self.took = width >= TOOK_FROM_WIDTH
        self.memory = width >= MEMORY_FROM_WIDTH
        self.agent = width >= AGENT_FROM_WIDTH
        rest = self.digits + SIGN_CELLS + METRIC_CELLS + CHANGE_CELLS + STATUS_CELLS
        rest += TOOK_CELLS * self.took + MEMORY_CELLS * self.memory + AGENT_CELLS * self.agent
        self.title = max(LEAST_TITLE_CELLS, width - rest)

    def heading(self, sorted_by: Column, *, reverse: bool) -> Line:
        """Return the names of the columns, an arrow at the one that the rows are sorted by."""
        unit = "mbpb" if self.metric == BITS_PER_BYTE else "/ 1000"
        arrow = "▲" if reverse else "▼"
        mark = {column: arrow if column is sorted_by else "" for column in Column}
        parts: list[tuple[Column, str]] = [
            (Column.NUMBER, f"{mark[Column.NUMBER]}#".rjust(self.digits + 1) + " "),
            (Column.TITLE, pad(f"what was tried {mark[Column.TITLE]}", self.title)),
            (Column.METRIC, _right(mark[Column.METRIC] + self.metric, METRIC_CELLS)),
            (Column.CHANGE, _right(mark[Column.CHANGE] + unit, CHANGE_CELLS)),
        ]
        if self.memory:
            parts.append((Column.MEMORY, _right(mark[Column.MEMORY] + "memory", MEMORY_CELLS)))
        parts.append((Column.STATUS, pad(f"  verdict {mark[Column.STATUS]}", STATUS_CELLS)))
        if self.took:
            parts.append((Column.TOOK, _right(mark[Column.TOOK] + "took", TOOK_CELLS)))
        if self.agent:
            parts.append((Column.AGENT, "  " + pad(f"agent {mark[Column.AGENT]}", AGENT_CELLS - 2)))
        return tuple((text, "strong" if column is sorted_by else "muted") for column, text in parts)


def _right(text: str, cells: int) -> str:
    return " " + pad(text, cells - 1).strip().rjust(cells - 1)


def _number(each: Experiment, digits: int, *, best: bool, marked: bool) -> Line:
    sign = MARKED if marked else "★" if best else " "
    style = "accent strong" if marked else "good strong" if best else "muted"
    number = f"{sign}{each.number:>{digits}}"
    return ((number, style), ("!", "warn strong")) if each.marks else ((f"{number} ", style),)


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
