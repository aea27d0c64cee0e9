"""One experiment: its sheet, its change and its output; left and right step through the night."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.widgets.diff import DiffPane
from autoresearch_tui.tui.widgets.footer import Footer
from autoresearch_tui.tui.widgets.header import Header
from autoresearch_tui.tui.widgets.sheet import OutputPane, SheetPane


class ExperimentScreen(PanedScreen):
    """All that is known of one experiment."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape",
            "app.pop_screen",
            "back",
            key_display="esc",
            tooltip="Go back to the night.",
            id="experiment.back",
        ),
        Binding(
            "left",
            "step(-1)",
            "previous",
            key_display="←",
            tooltip="Show the experiment before this one.",
            id="experiment.previous",
        ),
        Binding(
            "right",
            "step(1)",
            "next",
            key_display="→",
            tooltip="Show the experiment after this one.",
            id="experiment.next",
        ),
    ]
    AUTO_FOCUS = "#sheet"

    def __init__(self, number: int) -> None:
        """Show the experiment of this number."""
        super().__init__()
        self.number = number

    def compose(self) -> ComposeResult:
        """Lay the panes out."""
        yield Header()
        with Container(id="sheets"):
            yield SheetPane(1)
            yield DiffPane(2, headed=False)
            yield OutputPane(3)
        yield Footer()
        yield self.too_small()

    def show_night(self) -> None:
        """Draw what changed."""
        self.query_one(SheetPane).experiment = self.number
        output = self.query_one(OutputPane)
        output.experiment = self.number
        output.read()
        self.query_one(DiffPane).show(self.number)
        self.query_one(Header).redraw()
        super().show_night()

    def action_step(self, by: int) -> None:
        """Go to the next or the previous experiment."""
        sheet = self.query_one(SheetPane)
        numbers = sorted(sheet.night.state.experiments)
        at = numbers.index(self.number) + by if self.number in numbers else 0
        if 0 <= at < len(numbers):
            self.number = numbers[at]
            sheet.to_start()
            self.query_one(OutputPane).to_start()
            self.show_night()
