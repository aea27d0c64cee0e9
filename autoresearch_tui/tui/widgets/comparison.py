"""Two experiments in two columns."""

import math
from collections.abc import Callable
from typing import ClassVar

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.results import Band, noise_band
from autoresearch_tui.tui.table import took_s
from autoresearch_tui.tui.text import Line, bpb, clock, gibibytes, one_line, pad, wrap
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.words import PHASE_WORDS, STATUS_GLYPHS

LABEL_CELLS = 11


class ComparisonPane(Pane):
    """What two experiments were for and came to, line by line."""

    ID: ClassVar[str] = "comparison"
    NAME: ClassVar[str] = "Two experiments"
    HELP: ClassVar[str | None] = (
        "The two experiments that were marked, and which of them is better. A difference inside "
        "the noise may be luck: run one of them again to know. Numbers of different machines or "
        "of different data do not compare, which is said here too."
    )

    def __init__(self, digit: int) -> None:
        """Make an empty pane."""
        super().__init__(digit)
        self.pair: tuple[int, int] = (0, 0)

    def rows(self, width: int) -> list[Line]:
        """Return the verdict between the two, and the two columns."""
        found = [self.night.state.experiments.get(number) for number in self.pair]
        first, second = found
        if first is None or second is None:
            return [(("One of them is in no journal.", "muted"),)]
        rows: list[Line] = []
        for text, style in self._verdict(first, second):
            rows += [((line, style),) for line in wrap(text, width)]
        cells = max(8, (width - LABEL_CELLS) // 2)
        rows.append(())
        for label, value_of in self._fields().items():
            values = [wrap(value_of(each) or "-", cells - 1) for each in (first, second)]
            same = values[0] == values[1]
            for at in range(max(map(len, values))):
                left, right = (value[at] if at < len(value) else "" for value in values)
                style = "muted" if same else ""
                rows.append(
                    (
                        ((label if at == 0 else "").ljust(LABEL_CELLS), "muted"),
                        (pad(left, cells), style),
                        (right, style),
                    )
                )
        return rows

    def _fields(self) -> dict[str, Callable[[Experiment], str]]:
        metric = self.night.state.metric

        def change(value: float | None) -> str:
            return "" if value is None else change_words(value, metric)

        def machine(each: Experiment) -> str:
            lab = self.night.lab_of(each)
            return "" if lab is None else one_line(f"{lab.hardware.name} ({lab.hardware.host})")

        def memory(each: Experiment) -> str:
            run = each.last_run
            return f"{gibibytes(run.peak_memory_mb)} GiB" if run and run.peak_memory_mb else ""

        def took(each: Experiment) -> str:
            seconds = took_s(each)
            return "" if seconds is None else clock(seconds)

        def steps(each: Experiment) -> str:
            return f"{run.steps:,} on {run.tokens:,} tokens" if (run := each.last_run) else ""

        return {
            "": lambda each: f"#{each.number}",
            "title": lambda each: one_line(each.title),
            "verdict": _verdict_of,
            one_line(metric)[: LABEL_CELLS - 1]: lambda each: bpb(each.val_bpb),
            "change": lambda each: change(each.change),
            "expected": lambda each: change(each.expected_change),
            "from": lambda each: "" if each.parent is None else f"#{each.parent}",
            "edit": lambda each: f"+{each.lines_added} -{each.lines_removed} lines",
            "steps": steps,
            "memory": memory,
            "took": took,
            "agent": lambda each: one_line(f"{each.agent} {each.model or ''}"),
            "seed": lambda each: str(run.seed) if (run := each.last_run) else "",
            "machine": machine,
            "commit": lambda each: one_line(each.commit)[:12],
        }

    def _verdict(self, first: Experiment, second: Experiment) -> list[tuple[str, str]]:
        state = self.night.state
        said: list[tuple[str, str]] = []
        one, other = first.val_bpb, second.val_bpb
        if one is None or other is None or not (math.isfinite(one) and math.isfinite(other)):
            missing = [each for each in (first, second) if each.val_bpb is None]
            names = " and ".join(f"#{each.number}" for each in missing)
            said.append((f"{names or 'One'} was not measured: no numbers to compare.", "warn"))
        else:
            gain = state.direction.gain(other - one)
            said.append(_standing(first, second, gain, noise_band(state), state.metric))
        labs = self.night.lab_of(first), self.night.lab_of(second)
        if labs[0] and labs[1] and labs[0].data.fingerprint != labs[1].data.fingerprint:
            said.append(("! Of different data: these numbers do not compare.", "bad strong"))
        elif labs[0] and labs[1] and labs[0].hardware != labs[1].hardware:
            said.append(("! Of different machines: these numbers hardly compare.", "warn strong"))
        return said


def _standing(
    first: Experiment, second: Experiment, gain: float, band: Band | None, metric: str
) -> tuple[str, str]:
    if gain == 0:
        return f"#{second.number} and #{first.number} came out the same.", "note"
    better, worse = (second, first) if gain > 0 else (first, second)
    size = change_words(abs(gain), metric).lstrip("+")
    text = f"#{better.number} is better than #{worse.number} by {size}"
    if band is None:
        return f"{text}; how much of it is noise is not known yet.", "note"
    if abs(gain) <= 2 * band.half:
        return f"{text}, which may be luck ({band.words}).", "warn"
    return f"{text}, more than twice the {band.words}.", "good"


def _verdict_of(each: Experiment) -> str:
    if each.status is None:
        return PHASE_WORDS[each.phase]
    return f"{STATUS_GLYPHS[each.status][0]} {each.status}"
