"""One experiment: its sheet, change, curve and output; left and right step through the night."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.screens.chosen import ChosenScreen
from autoresearch_tui.tui.screens.paned import back
from autoresearch_tui.tui.widgets.curve import CurvePane
from autoresearch_tui.tui.widgets.diff import DiffPane
from autoresearch_tui.tui.widgets.footer import Footer
from autoresearch_tui.tui.widgets.header import Header
from autoresearch_tui.tui.widgets.sheet import OutputPane, SheetPane


class ExperimentScreen(ChosenScreen):
    """All that is known of one experiment."""

    BINDINGS: ClassVar[list[BindingType]] = [
        back("experiment"),
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

    @property
    def chosen(self) -> Experiment | None:
        """The experiment that is shown."""
        return self.commander.night.state.experiments.get(self.number)

    def compose(self) -> ComposeResult:
        """Lay the panes out."""
        yield Header()
        with Container(id="sheets"):
            yield SheetPane(1)
            yield DiffPane(2, headed=False)
            yield CurvePane(3)
            yield OutputPane(4)
        yield Footer()
        yield self.too_small()

    def show_night(self) -> None:
        """Draw what changed."""
        chosen = self.chosen
        self.query_one(SheetPane).experiment = self.number
        self.query_one(CurvePane).show(self.number, chosen.parent if chosen else None)
        output = self.query_one(OutputPane)
        output.experiment = self.number
        output.read()
        self.query_one(DiffPane).show(self.number)
        self.query_one(Header).redraw()
        super().show_night()

    def action_step(self, by: int) -> None:
        """Go to the next or the previous experiment."""
        numbers = sorted(self.commander.night.state.experiments)
        at = numbers.index(self.number) + by if self.number in numbers else 0
        if 0 <= at < len(numbers):
            self.number = numbers[at]
            self.query_one(SheetPane).to_start()
            self.query_one(OutputPane).to_start()
            self.show_night()
