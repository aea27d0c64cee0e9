"""The training loss of the run in flight, beside the incumbent's at the same moment."""

from typing import ClassVar

from autoresearch_tui.stats.spread import smoothed, upper_fence
from autoresearch_tui.tui.night import Curve
from autoresearch_tui.tui.text import Line, bpb, clock
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.plot import DOTS_HIGH, DOTS_WIDE, Grid, labels

SMOOTHING_SHARE = 0.02
"""The half-life of the curve's average, as a share of its points."""
UNIT_FROM_WIDTH = 45
WARM_UP_SHARE = 0.1
"""The part of the budget whose high losses do not set the scale."""


class LossPane(Pane):
    """Two curves over the seconds of the budget."""

    ID: ClassVar[str] = "loss"
    NAME: ClassVar[str] = "Loss of the run"
    HELP: ClassVar[str | None] = (
        "The training loss of the run in flight (bright), smoothed, and the incumbent's (grey) "
        "at the same second. It is what the training script logs: a hint, not the verdict."
    )

    def rows(self, width: int) -> list[Line]:
        """Return the chart for the size of the pane."""
        height = self.content_size.height
        night = self.night
        running = night.curve
        if running is None or not running.points or height < 4:
            return [(("No run has logged a loss yet.", "muted"),)]
        compared = night.incumbent_curve if night.curve_of != night.state.incumbent else None
        drawn = [(compared, "muted")] if compared and compared.points else []
        drawn.append((running, "accent"))
        smooth = [(_smooth(curve), style) for curve, style in drawn]
        budget = night.state.budget_s
        end = max([budget, *(points[-1][0] for points, _ in smooth)])
        settled = [y for points, _ in smooth for x, y in points if x >= WARM_UP_SHARE * end]
        losses = settled or [y for points, _ in smooth for _, y in points]
        low, high = min(losses), upper_fence(losses)
        rows = height - 2
        names = labels(low, high, rows)
        gutter = max(len(name) for name in names.values()) + 1
        grid = Grid(max(1, width - gutter - 1), rows)
        across = (grid.width * DOTS_WIDE - 1) / end if end else 0.0
        spread = max(high - low, 1e-9)
        down = rows * DOTS_HIGH - 1
        for points, style in smooth:
            dots = [(x * across, (high - y) / spread * down) for x, y in points if y <= high]
            grid.dots(dots, style)
        lines: list[Line] = [self._loss_heading(running, compared, width)]
        for y in range(rows):
            label = names.get(y, "").rjust(gutter)
            lines.append(((label, "muted"), ("┤" if y in names else "│", "faint"), *grid.row(y)))
        seconds = f"{end:.0f} s"
        ruler = "─" * max(0, grid.width - len(seconds) - 1)
        lines.append(
            (
                ("0 s".rjust(gutter), "muted"),
                ("└", "faint"),
                (f"{ruler} ", "faint"),
                (seconds, "muted"),
            )
        )
        return lines

    def _loss_heading(self, running: Curve, compared: Curve | None, width: int) -> Line:
        night = self.night
        at, loss = _smooth(running)[-1]
        heading: Line = ((f"#{night.curve_of} ", "strong accent"), (f"{loss:.3f}", "strong"))
        if compared is not None and compared.points:
            before = [y for x, y in _smooth(compared) if x <= at]
            if before:
                heading = (*heading, (f"  #{night.state.incumbent} {before[-1]:.3f} then", "muted"))
        if (left := night.seconds_left) is not None:
            heading = (*heading, (f"  {clock(left)} left", "strong"))
        elif night.curve_of is not None:
            value = night.state.experiments[night.curve_of].val_bpb
            heading = (*heading, (f"  {night.state.metric} {bpb(value)}" if value else "", "muted"))
        return (*heading, ("  nats/token" if width >= UNIT_FROM_WIDTH else "", "muted"))


def _smooth(curve: Curve) -> list[tuple[float, float]]:
    losses = smoothed([loss for _, loss in curve.points], len(curve.points) * SMOOTHING_SHARE)
    return [(at, loss) for (at, _), loss in zip(curve.points, losses, strict=True)]
