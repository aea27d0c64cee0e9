"""The main screen: header, four panes, the table of experiments, and the keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message

from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.screens.chosen import ChosenScreen
from autoresearch_tui.tui.widgets.diff import DiffPane
from autoresearch_tui.tui.widgets.experiments import ExperimentsPane
from autoresearch_tui.tui.widgets.footer import Footer, VerbsFirst
from autoresearch_tui.tui.widgets.header import Header
from autoresearch_tui.tui.widgets.history import HistoryPane
from autoresearch_tui.tui.widgets.loss import LossPane
from autoresearch_tui.tui.widgets.machine import MachinePane
from autoresearch_tui.tui.widgets.reasoning import ReasoningPane


class CockpitScreen(VerbsFirst, ChosenScreen):
    """Everything about the night at a glance."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "v",
            "change_view",
            "loss curve",
            tooltip="The live loss curve, or the history again.",
            id="view.history",
        ),
        Binding(
            "enter",
            "open",
            "open",
            key_display="enter",
            tooltip="Open the experiment under the table's cursor.",
            id="view.open",
        ),
    ]
    AUTO_FOCUS = "#experiments"
    KEPT_AS = "cockpit"

    class Opened(Message):
        """An experiment is to be shown by itself."""

        def __init__(self, number: int) -> None:
            """Name the experiment."""
            super().__init__()
            self.number = number

    def compose(self) -> ComposeResult:
        """Lay the panes out."""
        yield Header()
        with Container(id="panes"):
            yield ReasoningPane(1)
            yield DiffPane(2)
            yield MachinePane(3)
            with Vertical(id="progress"):
                yield HistoryPane(4)
                yield LossPane(6)
            yield ExperimentsPane(5)
        yield Footer()
        yield self.too_small()

    def show_night(self) -> None:
        """Draw what changed."""
        self._follow_cursor()
        self.query_one(Header).redraw()
        super().show_night()

    def on_experiments_pane_chosen(self) -> None:
        """Show the experiment under the cursor in the other panes too."""
        self._follow_cursor()

    @property
    def chosen(self) -> Experiment | None:
        """The experiment under the table's cursor."""
        table = self.query_one(ExperimentsPane)
        return table.night.state.experiments.get(-1 if table.selected is None else table.selected)

    def on_history_pane_picked(self, event: HistoryPane.Picked) -> None:
        """Put the table's cursor where the chart's is."""
        self.query_one(ExperimentsPane).choose(event.number)

    def _follow_cursor(self) -> None:
        table = self.query_one(ExperimentsPane)
        selected = table.selected
        # A cursor that follows the night is on the newest edit, which may not run yet.
        running = table.night.in_flight if table.chosen is None else None
        self.query_one(DiffPane).show(selected if running is None else running)
        history = self.query_one(HistoryPane)
        history.selected = selected
        history.redraw()

    def restore(self) -> None:
        """Take up what the person chose last."""
        self._view(loss=self.kept.get("cockpit.view") == "loss")
        super().restore()

    def _view(self, *, loss: bool) -> None:
        """Show the loss curve or the history where there is room for only one."""
        self.set_class(loss, "-loss")
        self.keep("view", "loss" if loss else "")

    def action_change_view(self) -> None:
        """Change between the history and the loss curve, where there is room for only one."""
        self.action_focus_pane(4 if self.has_class("-loss") else 6)

    def action_focus_pane(self, digit: int) -> None:
        """Focus a pane; the history and the loss curve may share one place."""
        if digit in (4, 6):
            self._view(loss=digit == 6)
        super().action_focus_pane(digit)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to change the view only where not both are in view.

        While an edit waits, the key that runs an experiment again is the verb's that changes it.
        """
        if action == "change_view":
            return not self.has_class("-three-columns")
        if action == "run_again" and self.commander.night.awaiting is not None:
            return False
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        """Open the experiment under the cursor."""
        selected = self.query_one(ExperimentsPane).selected
        if selected is not None:
            self.post_message(self.Opened(selected))
