"""Two experiments beside each other: their numbers, what differs in their files, their curves."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from autoresearch_tui.tui.screens.paned import PanedScreen, back
from autoresearch_tui.tui.widgets.comparison import ComparisonPane
from autoresearch_tui.tui.widgets.curve import CurvePane
from autoresearch_tui.tui.widgets.diff import DiffPane
from autoresearch_tui.tui.widgets.footer import Footer
from autoresearch_tui.tui.widgets.header import Header


class CompareScreen(PanedScreen):
    """Two experiments; the second one is seen from the first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        back("compare", to="where they were marked"),
        Binding(
            "left,right",
            "turn_round",
            "swap",
            tooltip="See the first one from the second.",
            id="compare.swap",
        ),
    ]
    AUTO_FOCUS = "#comparison"

    def __init__(self, first: int, second: int) -> None:
        """Compare two experiments by their numbers."""
        super().__init__()
        self.pair: tuple[int, int] = (first, second)

    def compose(self) -> ComposeResult:
        """Lay the panes out."""
        yield Header()
        with Container(id="sheets", classes="compared"):
            yield ComparisonPane(1)
            yield DiffPane(2, headed=False)
            yield CurvePane(3)
        yield Footer()
        yield self.too_small()

    def show_night(self) -> None:
        """Draw what changed."""
        first, second = self.pair
        self.query_one(ComparisonPane).pair = self.pair
        self.query_one(DiffPane).show(second, against=first)
        self.query_one(CurvePane).show(second, first)
        self.query_one(Header).redraw()
        super().show_night()

    def action_turn_round(self) -> None:
        """Change which of the two is seen from the other."""
        first, second = self.pair
        self.pair = (second, first)
        self.show_night()
