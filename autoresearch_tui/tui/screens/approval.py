"""The question of mode `ask`: may this edit run?"""

import time
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.text import Line, both_ends, clock, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import COMPONENTS, Canvas
from autoresearch_tui.tui.widgets.diff import DiffPane
from autoresearch_tui.tui.widgets.footer import Footer

GRACE_S = 0.5
"""How long the prompt is deaf after it appeared, to keys that were meant for something else."""
SUMMARY_ROWS = 6
SUMMARY_SHARE = 4
"""What a question may take for its reasons: so many rows, or this part of a higher screen."""
FRAME_CELLS = 2
MARK_ROWS = 5
"""What a question may take for marks; the sheet of the experiment has room for all."""


class Question(Canvas):
    """What a person is asked, in a few rows; it is deaf at first, and says so."""

    DEAF: Line = (("keys count in half a second", "warn"),)

    def __init__(self) -> None:
        """Make a question that is deaf until a while after `begin`."""
        super().__init__()
        self.deaf_until = time.monotonic() + GRACE_S
        """Before this moment of the monotonic clock no answer counts."""

    @property
    def is_deaf(self) -> bool:
        """Whether answers do not count yet."""
        return time.monotonic() < self.deaf_until

    def begin(self) -> None:
        """Begin the time in which no answer counts."""
        self.deaf_until = time.monotonic() + GRACE_S
        if self.is_deaf:
            self.set_timer(GRACE_S, self.redraw)


class Summary(Question):
    """What the edit is for, in a few rows, and how long it waits."""

    def __init__(self, number: int) -> None:
        """Sum up the experiment of this number."""
        super().__init__()
        self.number = number

    def take_room(self, screen: Size) -> None:
        """Be as high as what there is to say needs, up to a point: the diff has the rest."""
        most = max(SUMMARY_ROWS, screen.height // SUMMARY_SHARE)
        rows = self.draw(Size(screen.width - 2 * FRAME_CELLS, most))
        self.styles.height = len(rows) + 2

    def draw(self, size: Size) -> list[Line]:
        """Return the rows."""
        width, height = size
        each = self.night.state.experiments[self.number]
        title: Line = ((f"#{self.number} ", "strong accent"), (one_line(each.title), "strong"))
        rows: list[Line] = [both_ends(title, self._waits(each), width)]
        rows.extend(((line, "muted"),) for line in wrap(self._facts(each), width))
        rows.extend(((line, ""),) for line in wrap(one_line(each.hypothesis), width))
        if len(rows) > height:
            rows[height - 1 :] = [((f"{rows[height - 1][0][0]}…", ""),)]
        return rows

    def _waits(self, each: Experiment) -> Line:
        """Return how long it waits, and what happens then."""
        if self.is_deaf:
            return self.DEAF
        if each.decide_at is None or each.then is None:
            return ()
        left = clock(each.decide_at - self.night.now())
        return ((f"waits {left}, then: {each.then}", "warn strong"),)

    def _facts(self, each: Experiment) -> str:
        expects = "expects no number"
        if each.expected_change is not None:
            change = change_words(each.expected_change, self.night.state.metric)
            expects = f"expects {change}"
        costs = f"costs {self.night.state.budget_s:g} s of training"
        if each.usage.cost_usd:
            costs += f" (${each.usage.cost_usd:.2f} so far)"
        edited = f", changed by {one_line(each.amended_by)}" if each.amended_by else ""
        return (
            f"{expects}; +{each.lines_added} -{each.lines_removed} lines; {costs}; "
            f"from #{each.parent}, by {one_line(each.agent)}{edited}"
        )


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


Answer = Literal["approve", "all", "later"]
Longer = Literal["reject", "edit", "back"]
"""Answers that take more than a key; the question stands until they are given."""


class ApprovalScreen(ModalScreen[Answer]):
    """Shows an edit before it runs; it goes away by itself once it is decided elsewhere."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('approve')", "approve", tooltip="Let it run.", id="approval.approve"),
        Binding(
            "r",
            "decide('reject')",
            "reject",
            tooltip="Refuse it, with a reason.",
            id="approval.reject",
        ),
        Binding(
            "e",
            "decide('edit')",
            "edit",
            tooltip="Change it in your editor; it is then shown again.",
            id="approval.edit",
        ),
        Binding(
            "b",
            "decide('back')",
            "send back",
            tooltip="Refuse it, and tell the agent what to do instead.",
            id="approval.back",
        ),
        Binding(
            "escape",
            "decide('later')",
            "later",
            key_display="esc",
            tooltip="Look around first; a brings the question back.",
            id="approval.later",
        ),
        Binding(
            "A",
            "decide('all')",
            "approve all",
            tooltip="Let it run, and all that come after it.",
            id="approval.all",
        ),
        Binding("q", "app.detach", "leave", tooltip="Close the screen.", id="approval.leave"),
        Binding(
            "question_mark",
            "app.help",
            "help",
            key_display="?",
            tooltip="Explain the keys.",
            id="approval.help",
        ),
    ]
    AUTO_FOCUS = "#diff"

    class Begun(Message):
        """An answer that takes more than a key was begun."""

        def __init__(self, answer: Longer) -> None:
            """Say which."""
            super().__init__()
            self.answer: Longer = answer

    def __init__(self, number: int, commit: str) -> None:
        """Ask about this version of the experiment of this number."""
        super().__init__()
        self.number = number
        self.commit = commit
        self._countdown: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        summary = Summary(self.number)
        summary.border_title = "May this edit run?"
        yield summary
        yield DiffPane(2, headed=False)
        yield Marks(self.number)
        yield Footer()

    def on_mount(self) -> None:
        """Begin the time in which no answer counts, and count down where one is waited for."""
        self.query_one(DiffPane).show(self.number)
        self.query_one(Summary).begin()
        self.show_night()

    def on_resize(self, event: Resize) -> None:
        """Give the diff all the room that the summary does not need."""
        self.query_one(Summary).take_room(event.size)

    def show_night(self) -> None:
        """Draw what changed; where a policy decides in the end, count down to it."""
        summary = self.query_one(Summary)
        each = summary.night.state.experiments[self.number]
        if each.decide_at is not None and self._countdown is None:
            self._countdown = self.set_interval(1.0, summary.redraw)
        summary.redraw()

    def action_decide(self, answer: Answer | Longer) -> None:
        """Answer, unless the key may have been meant for what was there before."""
        if self.query_one(Summary).is_deaf:
            return
        match answer:
            case "approve" | "all" | "later":
                self.dismiss(answer)
            case "reject" | "edit" | "back":
                self.post_message(self.Begun(answer))
