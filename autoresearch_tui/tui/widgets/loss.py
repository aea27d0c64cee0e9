"""The training loss of a run, beside another's at the same moment, and which of them is ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from autoresearch_tui.stats.race import Lead, lead_at
from autoresearch_tui.stats.spread import upper_fence
from autoresearch_tui.tui.night import Curve
from autoresearch_tui.tui.text import Line, bpb, clock, one_line, width_of
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.plot import DOTS_HIGH, DOTS_WIDE, Grid, labels, rounded_out

UNIT = "  nats/token"
WARM_UP_SHARE = 0.3
"""The part of the run up to now whose high losses do not set the scale."""
LEAD_SHARE = 0.1
"""The part of the budget, up to now, over which two curves are compared."""
VERDICT_FROM_HEIGHT = 5
NO_LOSS: Line = (("No run has logged a loss yet.", "muted"),)


@dataclass(frozen=True)
class Trace:
    """A curve to draw: seconds since the clock started, nats per token."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str
    dashed: bool = False


def traces(run: tuple[str, Curve], other: tuple[str, Curve] | None) -> list[Trace]:
    """Return the curves to draw: one solid and on top, and the one it is compared with, dashed."""
    drawn = [Trace(run[0], run[1].smooth, "accent")]
    if other is not None and other[1].points:
        drawn.insert(0, Trace(other[0], other[1].smooth, "muted", dashed=True))
    return drawn


def curve_rows(drawn: Sequence[Trace], end: float, width: int, height: int) -> list[Line]:
    """Return traces as a chart of `height` rows, from 0 to `end` seconds or as far as they go.

    Each has a point; the last one is on top, and its late losses set the scale.
    """
    end = max([end, *(trace.points[-1][0] for trace in drawn if trace.points)])
    settled_at = WARM_UP_SHARE * drawn[-1].points[-1][0]
    losses = [y for trace in drawn for x, y in trace.points if x >= settled_at]
    low, high = rounded_out(min(losses), upper_fence(losses))
    rows = max(1, height - 1)
    names = labels(low, high, rows)
    gutter = max(len(name) for name in names.values()) + 1
    grid = Grid(max(1, width - gutter - 1), rows)
    across = (grid.width * DOTS_WIDE - 1) / end if end else 0.0
    spread = max(high - low, 1e-9)
    down = rows * DOTS_HIGH - 1
    for trace in drawn:
        dots = [(x * across, (high - y) / spread * down) for x, y in trace.points if y <= high]
        grid.dots([(x, min(y, down)) for x, y in dots], trace.style, dashed=trace.dashed)
    lines: list[Line] = []
    for y in range(rows):
        label = names.get(y, "").rjust(gutter)
        lines.append(((label, "muted"), ("┤" if y in names else "│", "faint"), *grid.row(y)))
    seconds = f"{end:.0f} s"
    ruler = "─" * max(0, grid.width - len(seconds) - 1)
    start: Line = (("0 s".rjust(gutter), "muted"), ("└", "faint"))
    return [*lines, (*start, (f"{ruler} ", "faint"), (seconds, "muted"))]


def lead_words(lead: Lead | None, other: str, *, ended: bool) -> Line:
    """Return in a line how a run stands against another at this second."""
    if lead is None:
        return ((f"Nothing of {other} to compare with at this second.", "muted"),)
    at = "at the end" if ended else f"at {lead.at:.0f} s"
    if not lead.clear:
        return (("= ", "note strong"), (f"level with {other} {at}", "note"), _unsure(lead))
    ahead = lead.gain > 0
    glyph, style, word = ("▲", "good", "ahead of") if ahead else ("▼", "bad", "behind")
    return (
        (f"{glyph} ", f"{style} strong"),
        (f"{word} {other} by {abs(lead.gain):.3f} {at}", style),
    )


def _unsure(lead: Lead) -> tuple[str, str]:
    """Return how small a lead could not be told from the curves' wobble."""
    if lead.error > abs(lead.mine) or lead.error == 0:
        return ("", "")
    return (f" (±{2 * lead.error:.3f})", "muted")


class LossPane(Pane):
    """The run in flight, and the incumbent at the same second."""

    ID: ClassVar[str] = "loss"
    NAME: ClassVar[str] = "Loss of the run"
    HELP: ClassVar[str | None] = (
        "The training loss of the run in flight (solid), smoothed, and the incumbent's (dashed) at "
        "the same second of its clock. ▲ ahead or ▼ behind compares the means of the last tenth of "
        "the budget; = level means that the curves wobble by more than they differ. It is what the "
        "training script logs: a hint, not the verdict."
    )

    def rows(self, width: int) -> list[Line]:
        """Return heading, verdict and chart for the size of the pane."""
        height = self.content_size.height
        night = self.night
        running = night.curve
        if running is None or not running.points or height < 3:
            return [NO_LOSS]
        compared = night.incumbent_curve if night.curve_of != night.state.incumbent else None
        other = None if compared is None else (f"#{night.state.incumbent}", compared)
        drawn = traces((f"#{night.curve_of}", running), other)
        rows = [self._heading(drawn, width)]
        if other is not None and height >= VERDICT_FROM_HEIGHT:
            lead = lead_of(running, other[1], night.state.budget_s)
            rows.append(lead_words(lead, other[0], ended=night.seconds_left is None))
        return rows + curve_rows(drawn, night.state.budget_s, width, height - len(rows))

    def _heading(self, drawn: Sequence[Trace], width: int) -> Line:
        night = self.night
        first, *others = names_of(drawn)
        left, value = night.seconds_left, None
        if left is None and night.curve_of in night.state.experiments:
            value = night.state.experiments[night.curve_of].val_bpb
        if left is not None:
            first = (*first, (f"  {clock(left)} left", "strong"))
        elif value is not None:
            first = (*first, (f"  {one_line(night.state.metric)} {bpb(value)}", "strong"))
        line: Line = (*first, *(span for other in others for span in other))
        return (*line, (UNIT, "muted")) if width_of(line) + len(UNIT) <= width else line


def names_of(drawn: Sequence[Trace]) -> list[Line]:
    """Return how the traces are drawn, their names, and their values at the last one's end.

    The last one, which is drawn on top, comes first.
    """
    *others, run = drawn
    at, loss = run.points[-1]
    named: list[Line] = [
        (("━ ", run.style), (f"{run.name} ", "strong accent"), (f"{loss:.3f}", "strong"))
    ]
    for other in others:
        before = [y for x, y in other.points if x <= at]
        then = f" {before[-1]:.3f} then" if before else ""
        named.append(((f"  ╌ {other.name}{then}", other.style),))
    return named


def lead_of(run: Curve, other: Curve, budget_s: float) -> Lead | None:
    """Return how a run stands against another at the last moment that both have."""
    at = run.points[-1][0]
    if other.points and (end := other.points[-1][0]) < at:
        at = end
    return lead_at(run.points, other.points, at, LEAD_SHARE * (budget_s or at))
