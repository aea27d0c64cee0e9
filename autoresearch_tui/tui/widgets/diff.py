"""The change of one experiment to `train.py`."""

import re
from typing import ClassVar

from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.text import Line, Span, both_ends, milli, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Pane

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
NUMBERS_FROM_WIDTH = 60
EXPECTED_FROM_WIDTH = 50
HYPOTHESIS_FROM_HEIGHT = 16
BRIEF_BELOW_HEIGHT = 9
"""In panes lower than this, changes come with a line of context around them instead of three."""


class DiffPane(Pane):
    """A unified diff, with the words that changed set off."""

    ID: ClassVar[str] = "diff"
    NAME: ClassVar[str] = "Diff of train.py"
    HELP: ClassVar[str | None] = (
        "What the experiment changes in train.py, against the version that it started from: "
        "+ added, - removed. It shows the experiment in flight, or the one that the cursor of the "
        "table is on. A line with ! names what deserves a look."
    )

    def __init__(self, digit: int, *, headed: bool = True) -> None:
        """Make an empty pane; `headed` names the experiment above its diff."""
        super().__init__(digit)
        self.experiment: int | None = None
        self._headed = headed
        self._read: tuple[str, str] | None = None
        """The commit whose change was read, and the change."""
        self._rows: dict[tuple[int, int], list[Line]] = {}

    def show(self, experiment: int | None) -> None:
        """Show the change of another experiment, from its start."""
        if experiment != self.experiment:
            self.experiment = experiment
            self._read = None
            self._rows.clear()
            self.to_start()
        self.redraw()

    def rows(self, width: int) -> list[Line]:
        """Return the experiment's title and its diff."""
        number = self.experiment
        experiment = self.night.state.experiments.get(-1 if number is None else number)
        if number is None or experiment is None:
            return [(("No experiment yet.", "muted"),)]
        if self._read is None or self._read[0] != experiment.commit or not self._read[1]:
            self._read = (experiment.commit, self.night.diff(number))
            self._rows.clear()
        size = (width, self.content_size.height)
        if size not in self._rows:
            brief = size[1] < BRIEF_BELOW_HEIGHT
            heading = [_heading(experiment, width)] if self._headed else []
            if heading and self.content_size.height >= HYPOTHESIS_FROM_HEIGHT:
                why = wrap(one_line(experiment.hypothesis), width)
                heading.extend(((line, "muted"),) for line in why)
                heading.append(())
            if self._headed and experiment.marks:
                heading.append(_marked(experiment.marks))
            text = self._read[1]
            numbered = width >= NUMBERS_FROM_WIDTH
            body = diff_lines(text, numbered=numbered, brief=brief) if text else None
            if body is None and number == 0:
                edited = one_line(self.night.state.edited_file)
                plain = f"{edited} as it was when the session began: all others start from it."
                body = [((line, "muted"),) for line in wrap(plain, width)]
            self._rows[size] = [*heading, *(body or [(("no diff was stored", "muted"),)])]
        return self._rows[size]


def _heading(experiment: Experiment, width: int) -> Line:
    title: Line = (
        (f"#{experiment.number} ", "strong accent"),
        (one_line(experiment.title), "strong"),
    )
    expected = f"expects {milli(experiment.expected_change)}"
    if experiment.expected_change is None or width < EXPECTED_FROM_WIDTH:
        return title
    return both_ends(title, ((expected, "muted"),), width)


def _marked(marks: list[str]) -> Line:
    more = f" (and {len(marks) - 1} more)" if len(marks) > 1 else ""
    return (("! ", "warn strong"), (f"{one_line(marks[0])}{more}", "warn"))


def diff_lines(text: str, *, numbered: bool = False, brief: bool = False) -> list[Line]:
    """Return a unified diff as rows.

    `numbered` adds line numbers; `brief` leaves out context that touches no change.
    """
    rows: list[Line] = []
    removed: list[str] = []
    added: list[str] = []
    old = new = 0

    def flush() -> None:
        nonlocal old, new
        pairs = list(zip(removed, added, strict=False)) if len(removed) == len(added) else []
        for side, sign, style in ((removed, "-", "removed"), (added, "+", "added")):
            for index, line in enumerate(side):
                number = f"{old if sign == '-' else new:>5} " if numbered else ""
                old, new = (old + 1, new) if sign == "-" else (old, new + 1)
                emphasis = _differing(*pairs[index], side is added) if pairs else None
                rows.append(_changed(f"{number}{sign} ", line, style, emphasis))
        removed.clear()
        added.clear()

    lines = text.splitlines()
    for at, line in enumerate(lines):
        if hunk := _HUNK.match(line):
            flush()
            old, new = int(hunk[1]), int(hunk[2])
            where = hunk[3] or "top of the file"
            rows.append(((f"@@ line {new} ", "note"), (where, "muted")))
        elif not new or line.startswith("\\"):
            continue
        elif line.startswith("-"):
            if added:
                flush()
            removed.append(line[1:])
        elif line.startswith("+"):
            added.append(line[1:])
        else:
            flush()
            number = f"{new:>5} " if numbered else ""
            if not brief or _touches_change(lines, at):
                rows.append(((f"{number}  ", "faint"), (line[1:], "muted")))
            old, new = old + 1, new + 1
    flush()
    return rows


def _touches_change(lines: list[str], at: int) -> bool:
    around = (lines[at - 1 : at] or [""])[0], (lines[at + 1 : at + 2] or [""])[0]
    return any(line.startswith(("+", "-")) for line in around)


def _changed(gutter: str, line: str, style: str, emphasis: tuple[int, int] | None) -> Line:
    spans: list[Span] = [(gutter, style)]
    if emphasis is None:
        return (*spans, (line, style))
    start, end = emphasis
    spans += [(line[:start], style), (line[start:end], f"{style}-word"), (line[end:], style)]
    return tuple(spans)


def _differing(before: str, after: str, of_after: bool) -> tuple[int, int] | None:
    """Return where the two versions of a line differ, in the one asked for; none when wholly."""
    start = _shared(before, after)
    # Whole words are set off, not the digits of a number that happen to differ.
    while start and _in_word(before[start - 1]):
        start -= 1
    tail = _shared(before[start:][::-1], after[start:][::-1])
    while tail and _in_word(before[len(before) - tail]):
        tail -= 1
    if not before[:start].strip() and not tail:
        return None
    return start, len(after if of_after else before) - tail


def _shared(one: str, other: str) -> int:
    """Return how many characters two strings begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _in_word(char: str) -> bool:
    return char.isalnum() or char in "._"
