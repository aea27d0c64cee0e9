"""The change of one experiment to `train.py`."""

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from autoresearch_tui.record.state import IN_FLIGHT, Experiment
from autoresearch_tui.tui import hunks
from autoresearch_tui.tui.diffrows import DiffRows, Sources
from autoresearch_tui.tui.hunks import Row
from autoresearch_tui.tui.text import Line, both_ends, milli, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.words import PHASE_WORDS

NUMBERS_FROM_WIDTH = 60
EXPECTED_FROM_WIDTH = 50
SPLIT_FROM_WIDTH = 146
"""From here on both files stand beside each other, unless a key says otherwise."""
HYPOTHESIS_FROM_HEIGHT = 16
BRIEF_BELOW_HEIGHT = 9
"""In panes lower than this, changes come with a line of context around them instead of three, and
long lines are cut."""


class Against(StrEnum):
    """Which version an experiment's file is compared with."""

    PARENT = "parent"
    INCUMBENT = "incumbent"
    BASELINE = "baseline"


class _Shown(NamedTuple):
    """What was read for one view: it is read anew once any of it is another."""

    experiment: int
    base: int | None
    commit: str
    base_commit: str


class DiffPane(Pane):
    """A unified diff, or both files side by side, with the words that changed set off."""

    ID: ClassVar[str] = "diff"
    NAME: ClassVar[str] = "Diff of train.py"
    HELP: ClassVar[str | None] = (
        "What the experiment changes in train.py: + added, - removed, against the version that it "
        "started from; c compares it with the incumbent, and then with the baseline. ] and [ go "
        "from change to change, | puts both versions side by side. It shows the experiment in "
        "flight, or the one that the cursor of the table is on. A line with ! names what deserves "
        "a look."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "c",
            "compare",
            "against",
            show=False,
            tooltip="Compare with the parent, the incumbent or the baseline.",
            id="diff.against",
        ),
        Binding(
            "right_square_bracket,j",
            "hunk(1)",
            "next change",
            show=False,
            tooltip="Go to the next change.",
            id="diff.next",
        ),
        Binding(
            "left_square_bracket,J",
            "hunk(-1)",
            "last change",
            show=False,
            tooltip="Go to the change before.",
            id="diff.previous",
        ),
        Binding(
            "vertical_line,d",
            "split",
            "side by side",
            show=False,
            tooltip="Both versions side by side, or one under the other.",
            id="diff.split",
        ),
    ]

    def __init__(self, digit: int, *, headed: bool = True) -> None:
        """Make an empty pane; `headed` names the experiment above its diff."""
        super().__init__(digit)
        self.experiment: int | None = None
        self.against: Against | int = Against.PARENT
        """What it is compared with: one by its part in the night, or by its number."""
        self._headed = headed
        self._split: bool | None = None
        """Whether both files stand beside each other; none where the width decides."""
        self._shown: _Shown | None = None
        self._rows: list[Row] = []
        self._sources = Sources()
        self._laid_out: dict[tuple[int, int], DiffRows] = {}

    def show(self, experiment: int | None, against: int | None = None) -> None:
        """Show the change of another experiment, from its start, or against another's file."""
        if against is not None:
            self.against = against
        if experiment != self.experiment:
            self.experiment = experiment
            self._shown = None
            self.to_start()
        self.redraw()

    def rows(self, width: int) -> Sequence[Line]:
        """Return the experiment's title and its diff."""
        number = self.experiment
        experiment = self.night.state.experiments.get(-1 if number is None else number)
        if number is None or experiment is None:
            return [(("No experiment yet.", "muted"),)]
        self._read(experiment)
        self._entitle(experiment, width)
        heading = self._heading(experiment, width) if self._headed else []
        if not self._rows:
            return [*heading, *(((line, "muted"),) for line in wrap(self._nothing(), width))]
        diff = self._diff(width)
        diff.heading = heading
        return diff

    def _diff(self, width: int) -> DiffRows:
        size = (width, self.content_size.height)
        if size not in self._laid_out:
            brief = size[1] < BRIEF_BELOW_HEIGHT
            split = width >= SPLIT_FROM_WIDTH if self._split is None else self._split
            self._laid_out[size] = DiffRows(
                _brief(self._rows, size[1] - self._headed) if brief else self._rows,
                width,
                sources=self._sources,
                numbered=width >= NUMBERS_FROM_WIDTH,
                split=split,
                wrapped=not brief,
            )
        return self._laid_out[size]

    def _read(self, experiment: Experiment) -> None:
        """Read what is shown, where it is another than was read last."""
        state, night = self.night.state, self.night
        base = self._base(experiment)
        of_base = state.experiments.get(-1 if base is None else base)
        base_commit = "" if of_base is None else of_base.commit
        shown = _Shown(experiment.number, base, experiment.commit, base_commit)
        if shown == self._shown and self._rows:
            return
        self._shown = shown
        self._laid_out.clear()
        text = night.change(experiment.number, base)
        self._rows = hunks.parse(text)
        self._sources = Sources("" if base is None else night.source(base),
                                night.source(experiment.number))  # fmt: skip

    def _entitle(self, experiment: Experiment, width: int) -> None:
        """Say in the title what is compared with what."""
        title = f"{self.digit} {self._title(experiment, self._base(experiment), width)}"
        if self.border_title != title:
            self.border_title = title

    def _title(self, experiment: Experiment, base: int | None, width: int) -> str:
        edited = one_line(self.night.state.edited_file)
        name = f"Diff of {edited}" if width >= EXPECTED_FROM_WIDTH or base is None else "Diff"
        if base is None:
            return name
        part = f" ({self.against})" if isinstance(self.against, Against) else ""
        own = f"#{experiment.number}" if not self._headed else ""
        return f"{name} {own} against #{base}{part}".replace("  ", " ")

    def _base(self, experiment: Experiment) -> int | None:
        """Return the experiment that this one is compared with; none where there is no such."""
        match self.against:
            case Against.PARENT:
                return experiment.parent
            case Against.INCUMBENT:
                return self.night.state.incumbent
            case Against.BASELINE:
                baseline = self.night.state.baseline
                return None if baseline is None else baseline.number
            case int():
                return self.against

    def _nothing(self) -> str:
        """Return what to say where there is no diff."""
        number, shown = self.experiment, self._shown
        if number == 0 and (shown is None or shown.base is None):
            edited = one_line(self.night.state.edited_file)
            return f"{edited} as it was when the session began: all others start from it."
        if shown is not None and shown.base == number:
            return f"#{number} is the {self.against} itself: c compares it with another."
        if shown is not None and shown.base is not None and self.against is not Against.PARENT:
            return f"Nothing differs between #{shown.base} and #{number}, or one is not stored."
        return "no diff was stored"

    def _heading(self, experiment: Experiment, width: int) -> list[Line]:
        heading = [_named(experiment, width)]
        if self.content_size.height >= HYPOTHESIS_FROM_HEIGHT:
            why = wrap(one_line(experiment.hypothesis), width)
            heading.extend(((line, "muted"),) for line in why)
            heading.append(())
        if experiment.marks:
            heading.append(_marked(experiment.marks))
        return heading

    def copied(self) -> tuple[str, str] | None:
        """Return the whole diff."""
        if self._shown is None or not self._rows:
            return None
        number, base = self._shown.experiment, self._shown.base
        against = "" if base is None else f" against #{base}"
        return f"the diff of #{number}{against}", self.night.change(number, base)

    def action_compare(self) -> None:
        """Compare with the next of parent, incumbent and baseline."""
        order = list(Against)
        at = order.index(self.against) if isinstance(self.against, Against) else -1
        self.against = order[(at + 1) % len(order)]
        self._shown = None
        self.to_start()
        self.redraw()

    def action_split(self) -> None:
        """Put both files side by side, or one under the other."""
        width = self.content_size.width
        shown = width >= SPLIT_FROM_WIDTH if self._split is None else self._split
        at = bisect_right(self._hunks(), self.top)
        self._split = not shown
        self._laid_out.clear()
        # What was looked at stays in view.
        self.action_scroll_rows((self._hunks()[at - 1] if at else 0) - self.top)

    def _hunks(self) -> list[int]:
        """Return at which row each hunk begins."""
        rows = self.rows(self.content_size.width)
        return rows.hunks if isinstance(rows, DiffRows) else []

    def action_hunk(self, by: int) -> None:
        """Go to the next change, or to the one before."""
        starts = self._hunks()
        if by > 0:
            later = [start for start in starts if start > self.top]
            self.action_scroll_rows(later[0] - self.top if later else 0)
        else:
            earlier = [start for start in starts if start < self.top]
            self.action_scroll_rows((earlier[-1] if earlier else 0) - self.top)


def _brief(rows: list[Row], room: int) -> list[Row]:
    """Leave out context that touches no change, and all of it where changes would be cut."""
    changed = [row.sign in "+-" for row in rows]
    near = [
        row
        for at, row in enumerate(rows)
        if row.sign != " " or True in changed[max(0, at - 1) : at + 2]
    ]
    last_change = max((at for at, row in enumerate(near) if row.sign in "+-"), default=0)
    return near if last_change < room else [row for row in near if row.sign != " "]


def _named(experiment: Experiment, width: int) -> Line:
    title: Line = (
        (f"#{experiment.number} ", "strong accent"),
        (one_line(experiment.title), "strong"),
    )
    if width < EXPECTED_FROM_WIDTH:
        return title
    if experiment.phase in IN_FLIGHT:
        return both_ends(title, ((f"▶ {PHASE_WORDS[experiment.phase]}", "accent"),), width)
    if experiment.expected_change is None:
        return title
    return both_ends(title, ((f"expects {milli(experiment.expected_change)}", "muted"),), width)


def _marked(marks: list[str]) -> Line:
    more = f" (and {len(marks) - 1} more)" if len(marks) > 1 else ""
    return (("! ", "warn strong"), (f"{one_line(marks[0])}{more}", "warn"))
