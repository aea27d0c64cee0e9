"""A sentence for the agent, and what became of the earlier ones."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from autoresearch_tui.record.state import Steering
from autoresearch_tui.tui.screens.dialogs import AskScreen
from autoresearch_tui.tui.text import one_line

EARLIER_SHOWN = 6


class SteerScreen(AskScreen):
    """Asks for a sentence; the up key brings an earlier one back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "up",
            "recall(-1)",
            "earlier",
            show=False,
            tooltip="Bring an earlier sentence back.",
            id="steer.earlier",
        ),
        Binding(
            "down",
            "recall(1)",
            "later",
            show=False,
            tooltip="Bring a later sentence back.",
            id="steer.later",
        ),
    ]

    def __init__(self, earlier: list[Steering]) -> None:
        """Ask, below what was said before."""
        explanation = "A sentence for the agent's next proposal, for example: try a larger batch"
        super().__init__("Steer", explanation)
        self._earlier = list(earlier)
        self._at = len(self._earlier)

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self.shown(self._title)
            for steering in self._earlier[-EARLIER_SHOWN:]:
                yield Static(self._said(steering))
            yield Static(Content(self.shown(self._explanation)))
            answer = Input(max_length=2000)
            answer.cursor_blink = False
            yield answer
            keys = "Enter sends, Esc cancels"
            if self._earlier:
                keys += ", ↑ brings an earlier one back"
            yield Static(Content(self.shown(keys)), classes="hint")

    def action_recall(self, by: int) -> None:
        """Put an earlier sentence into the field."""
        self._at = max(0, min(len(self._earlier), self._at + by))
        recalled = self._earlier[self._at].text if self._at < len(self._earlier) else ""
        field = self.query_one(Input)
        field.value = one_line(recalled)
        field.cursor_position = len(field.value)

    def _said(self, steering: Steering) -> Content:
        became = "… waits for the next proposal"
        if steering.experiment is not None:
            became = f"✓ given to the proposal of #{steering.experiment}"
        text = self.shown(one_line(steering.text))
        return Content.assemble(
            (self.shown("» "), "$warning"), text, "  ", (self.shown(became), "$text-muted")
        )
