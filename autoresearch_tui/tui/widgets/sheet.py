"""Panes about one experiment: what it was for and came to, and what its run printed."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Experiment, Run
from autoresearch_tui.record.usage import usage_words
from autoresearch_tui.tui.text import Line, bpb, clock, gibibytes, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.words import PHASE_WORDS, STATUS_GLYPHS

LABEL_CELLS = 11
AIRY_FROM_HEIGHT = 12
"""In lower panes there are no empty rows between the parts."""


class SheetPane(Pane):
    """Hypothesis, expectation, measurement, verdict and run of one experiment."""

    ID: ClassVar[str] = "sheet"
    NAME: ClassVar[str] = "Experiment"
    HELP: ClassVar[str | None] = (
        "Why the experiment was made and what was expected of it, what was measured, the verdict "
        "and its reason. Lines with ! name what in the edit deserves a look before the result is "
        "believed. Below: its runs with their seeds, and the machine, versions and data."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "y",
            "screen.copy_chosen",
            "copy",
            tooltip="Copy the commit or the diff.",
            id="sheet.copy",
        )
    ]

    def __init__(self, digit: int) -> None:
        """Make an empty sheet."""
        super().__init__(digit)
        self.experiment = 0

    def rows(self, width: int) -> list[Line]:
        """Return the sheet."""
        each = self.night.state.experiments.get(self.experiment)
        if each is None:
            return [(("This experiment is in no journal.", "muted"),)]
        rows: list[Line] = [(("★ " if self._is_best(each) else "", "good"), *_title(each))]
        rows += _verdict(each, width)
        if each.marks:
            rows.append(())
        for mark in each.marks:
            rows += _marked(mark, width)
        rows.append(())
        rows += _field("expected", self._change(each.expected_change), width)
        metric = one_line(self.night.state.metric)
        measured = "nothing" if each.val_bpb is None else f"{metric} {bpb(each.val_bpb)}"
        if each.change is not None:
            measured = f"{self._change(each.change)}{self._against(each)}, {measured}"
        rows += _field("measured", measured, width)
        if each.standing is not None:
            rows += _field("standing", f"{each.standing}, unconfirmed", width)
        rows.append(())
        rows += _field("hypothesis", one_line(each.hypothesis) or "-", width)
        rows.append(())
        parent = "none: this is the baseline" if each.parent is None else f"#{each.parent}"
        rows += _field("parent", parent, width)
        rows += _field("agent", one_line(f"{each.agent} {each.model or ''}"), width)
        if cost := usage_words(each.usage):
            rows += _field("proposal", cost, width)
        rows += _field("edit", f"+{each.lines_added} -{each.lines_removed} lines", width)
        if each.approved_by:
            rows += _field("approved", f"by {one_line(each.approved_by)}", width)
        for run in each.runs:
            rows += _run(run, width)
        rows += [(), *self._environment(each, width)]
        return (
            rows if self.content_size.height >= AIRY_FROM_HEIGHT else [row for row in rows if row]
        )

    def _environment(self, each: Experiment, width: int) -> list[Line]:
        """Return what the result depends on beside the file: all that the facts know of it."""
        rows = _field("commit", one_line(each.commit), width)
        if (lab := self.night.lab_of(each)) is None:
            return rows
        machine, data = lab.hardware, lab.data
        rows += _field(
            "machine",
            one_line(
                f"{machine.name} ({machine.device}), {machine.cores} cores, "
                f"{gibibytes(machine.memory_mb)} GiB, host {machine.host}"
            ),
            width,
        )
        versions = f"autoresearch {lab.version}, python {machine.python}, torch {machine.torch}"
        rows += _field("versions", one_line(versions), width)
        known = f"{data.name} {data.profile}, fingerprint {data.fingerprint}"
        rows += _field("data", one_line(known), width)
        return rows + (_field("sandbox", one_line(lab.sandbox), width) if lab.sandbox else [])

    def _against(self, each: Experiment) -> str:
        """Return how a measured change compares with the expected one."""
        if each.change is None or each.expected_change is None:
            return ""
        gain = self.night.state.direction.gain(each.change - each.expected_change)
        size = self._change(abs(gain)).lstrip("+")
        return f" ({size} {'better' if gain >= 0 else 'worse'} than expected)"

    def _change(self, change: float | None) -> str:
        return "-" if change is None else change_words(change, self.night.state.metric)

    def _is_best(self, each: Experiment) -> bool:
        return each.number == self.night.state.incumbent


class OutputPane(Pane):
    """The end of what the latest run printed."""

    ID: ClassVar[str] = "output"
    NAME: ClassVar[str] = "Output of the run"
    HELP: ClassVar[str | None] = "The last lines that the experiment's latest run printed."
    follows_end: ClassVar[bool] = True

    def __init__(self, digit: int) -> None:
        """Make an empty pane."""
        super().__init__(digit)
        self.experiment = 0
        self._text = ""

    def read(self) -> None:
        """Read the end of the output anew."""
        self._text = self.night.output_tail(self.experiment)

    def rows(self, width: int) -> list[Line]:
        """Return the lines, wrapped."""
        if not self._text:
            return [(("Nothing was printed.", "muted"),)]
        return [((row, ""),) for line in self._text.split("\n") for row in wrap(line, width)]


def _title(each: Experiment) -> Line:
    return ((f"#{each.number} ", "strong accent"), (one_line(each.title), "strong"))


def _verdict(each: Experiment, width: int) -> list[Line]:
    if each.status is None:
        return [((f"▶ {PHASE_WORDS[each.phase]}", "strong accent"),)]
    glyph, style = STATUS_GLYPHS[each.status]
    first, *rest = wrap(
        f"{glyph} {each.status}: {one_line(each.reason) or 'no reason given'}", width
    )
    return [((first, f"strong {style}"),), *(((f"  {line}", style),) for line in rest)]


def _field(label: str, value: str, width: int) -> list[Line]:
    first, *rest = wrap(value, max(8, width - LABEL_CELLS))
    rows: list[Line] = [((label.ljust(LABEL_CELLS), "muted"), (first, ""))]
    rows.extend(((" " * LABEL_CELLS, ""), (line, "")) for line in rest)
    return rows


def _marked(mark: str, width: int) -> list[Line]:
    first, *rest = wrap(one_line(mark), max(8, width - LABEL_CELLS))
    rows: list[Line] = [(("! look at".ljust(LABEL_CELLS), "warn strong"), (first, "warn"))]
    rows.extend(((" " * LABEL_CELLS, ""), (line, "warn")) for line in rest)
    return rows


def _run(run: Run, width: int) -> list[Line]:
    parts = [f"seed {run.seed}", f"{run.threads} threads", f"budget {run.budget_s:g} s"]
    if run.startup_s is not None:
        parts.append(f"start-up {run.startup_s:.1f} s")
    if run.outcome is not None:
        parts.append(f"{run.outcome} after {clock(run.trained_s)}")
        parts.append(f"{run.steps} steps, {run.tokens:,} tokens")
    if run.overrun_s > 0:
        parts.append(f"overrun {run.overrun_s:.2f} s")
    if run.peak_memory_mb:
        parts.append(f"peak {gibibytes(run.peak_memory_mb)} GiB")
    if run.exit_code:
        parts.append(f"exit code {run.exit_code}")
    rows: list[Line] = [(), *_field(f"run {run.replicate}", ", ".join(parts), width)]
    if run.reason:
        rows += _field("", one_line(run.reason), width)
    return rows
