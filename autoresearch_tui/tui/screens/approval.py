"""The question of mode `ask`: may this edit run?"""

import time
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.tui.text import Line, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.widgets.diff import DiffPane
from autoresearch_tui.tui.widgets.footer import Footer

GRACE_S = 0.5
"""How long the prompt is deaf after it appeared, to keys that were meant for something else."""
MARK_ROWS = 5
"""What a question may take for marks; the sheet of the experiment has room for all."""


class Summary(Canvas):
    """What the edit is for, in a few rows."""

    def __init__(self, number: int) -> None:
        """Sum up the experiment of this number."""
        super().__init__()
        self.number = number

    def draw(self, size: Size) -> list[Line]:
        """Return the rows."""
        width, height = size
        each = self.night.state.experiments[self.number]
        expects = "expects no number"
        if each.expected_change is not None:
            change = change_words(each.expected_change, self.night.state.metric)
            expects = f"expects {change}"
        budget = self.night.state.budget_s
        facts = f"{expects}; +{each.lines_added} -{each.lines_removed} lines; costs {budget:g} s"
        rows: list[Line] = [
            ((f"#{self.number} ", "strong accent"), (one_line(each.title), "strong")),
            ((f"{facts}; from #{each.parent}, by {one_line(each.agent)}", "muted"),),
        ]
        rows.extend(((line, ""),) for line in wrap(one_line(each.hypothesis), width))
        if len(rows) > height:
            rows[height - 1 :] = [((f"{rows[height - 1][0][0]}…", ""),)]
        return rows


class Marks(Canvas):
    """What in the edit deserves an eye, right above the keys that decide; else it takes no room."""

    def __init__(self, number: int) -> None:
        """Show the marks of the experiment of this number."""
        super().__init__()
        self.number = number

    @property
    def marks(self) -> list[str]:
        """The sentences to show."""
        return self.night.state.experiments[self.number].marks

    def on_mount(self) -> None:
        """Take the room that the marks need."""
        count = len(self.marks)
        self.border_title = f"! Look at {'this' if count == 1 else 'these'} first"
        self.display = count > 0
        self.styles.height = min(count, MARK_ROWS) + 2

    def draw(self, size: Size) -> list[Line]:  # noqa: ARG002
        """Return a row a mark."""
        rows: list[Line] = [(("! ", "warn strong"), (one_line(mark), "")) for mark in self.marks]
        if len(rows) > MARK_ROWS:
            hidden = len(rows) - MARK_ROWS + 1
            told = f"! and {hidden} more: decide later, then look at the experiment"
            rows[MARK_ROWS - 1 :] = [((told, "warn strong"),)]
        return rows


class ApprovalScreen(ModalScreen[Literal["approve", "reject", "later"]]):
    """Shows an edit before it runs; it goes away by itself once it is decided elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('approve')", "approve", tooltip="Let it run.", id="approval.approve"),
        Binding("r", "decide('reject')", "reject", tooltip="Refuse it.", id="approval.reject"),
        Binding(
            "escape",
            "decide('later')",
            "decide later",
            key_display="esc",
            tooltip="Look around first; a brings the question back.",
            id="approval.later",
        ),
        Binding("q", "app.detach", "leave", tooltip="Close the screen.", id="approval.leave"),
    ]
    AUTO_FOCUS = "#diff"

    def __init__(self, number: int, commit: str) -> None:
        """Ask about this version of the experiment of this number."""
        super().__init__()
        self.number = number
        self.commit = commit
        self._shown_at = 0.0

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        summary = Summary(self.number)
        summary.border_title = "May this edit run?"
        yield summary
        yield DiffPane(2, headed=False)
        yield Marks(self.number)
        yield Footer()

    def on_mount(self) -> None:
        """Begin the time in which no answer counts."""
        self.query_one(DiffPane).show(self.number)
        self._shown_at = time.monotonic()

    def action_decide(self, answer: Literal["approve", "reject", "later"]) -> None:
        """Answer, unless the key may have been meant for what was there before."""
        if time.monotonic() - self._shown_at >= GRACE_S:
            self.dismiss(answer)
