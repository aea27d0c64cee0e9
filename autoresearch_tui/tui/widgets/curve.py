"""The loss curve of any experiment beside another's."""

from typing import ClassVar

from autoresearch_tui.record.state import Phase
from autoresearch_tui.tui.night import Curve, Night
from autoresearch_tui.tui.text import Line
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.loss import (
    VERDICT_FROM_HEIGHT,
    curve_rows,
    lead_of,
    lead_words,
    names_of,
    traces,
)

CURVES_KEPT = 8


class CurvePane(Pane):
    """Two curves over the seconds of the budget."""

    ID: ClassVar[str] = "curve"
    NAME: ClassVar[str] = "Loss"
    HELP: ClassVar[str | None] = (
        "The training loss of the experiment's latest run (solid), smoothed, beside that of the "
        "version it started from (dashed), and which of them was ahead where they ended. It is "
        "what the training script logs: a hint, not the verdict."
    )

    def __init__(self, digit: int) -> None:
        """Make an empty pane."""
        super().__init__(digit)
        self.experiment: int | None = None
        self.against: int | None = None
        self._curves: dict[int, Curve] = {}
        self._curves_of: Night | None = None

    def show(self, experiment: int, against: int | None) -> None:
        """Show another experiment's curve, and the one to compare it with, if any."""
        self.experiment, self.against = experiment, against
        self.redraw()

    def rows(self, width: int) -> list[Line]:
        """Return heading, verdict and chart for the size of the pane."""
        height = self.content_size.height
        curve, other = self._curve(self.experiment), self._curve(self.against)
        if curve is None or height < 3:
            return [(("No loss of its run is stored.", "muted"),)]
        compared = None if other is None else (f"#{self.against}", other)
        drawn = traces((f"#{self.experiment}", curve), compared)
        rows: list[Line] = [tuple(span for name in names_of(drawn) for span in name)]
        budget_s = self._budget_s()
        if compared is not None and height >= VERDICT_FROM_HEIGHT:
            lead = lead_of(curve, compared[1], budget_s)
            rows.append(lead_words(lead, compared[0], ended=not self._is_running()))
        return rows + curve_rows(drawn, budget_s, width, height - len(rows))

    def _curve(self, number: int | None) -> Curve | None:
        """Return the curve of an experiment as far as it is written; none without a point."""
        if number is None or number not in self.night.state.experiments:
            return None
        if self._curves_of is not self.night:
            # Another session, or another moment of a replay.
            self._curves_of = self.night
            self._curves.clear()
        curve = self._curves.pop(number, None) or Curve(self.night.session.metrics(number))
        while len(self._curves) >= CURVES_KEPT:
            self._curves.pop(next(iter(self._curves)))
        self._curves[number] = curve
        curve.read()
        return curve if curve.points else None

    def _budget_s(self) -> float:
        experiment = self.night.state.experiments.get(
            -1 if self.experiment is None else self.experiment
        )
        run = experiment.last_run if experiment else None
        return run.budget_s if run else self.night.state.budget_s

    def _is_running(self) -> bool:
        current = self.night.state.current
        return (
            current is not None
            and current.number == self.experiment
            and current.phase is Phase.TRAINING
        )
