"""What the agent thinks aloud, and what it was told."""

import heapq
from typing import ClassVar

from autoresearch_tui.record.events import Level, Notice
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import Steering
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.night import Block
from autoresearch_tui.tui.text import Line, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Pane

_ONE_LINERS = {
    ThoughtKind.TOOL: ("▶ ", "accent", "muted"),
    ThoughtKind.STEERING: ("» ", "warn", "warn"),
    ThoughtKind.ERROR: (f"{CROSS} ", "bad", "bad"),
}


NOTICE_STYLES = {Level.INFO: "note", Level.WARNING: "warn", Level.ERROR: "bad"}


class ReasoningPane(Pane):
    """Wrapped plain text that grows at its end."""

    ID: ClassVar[str] = "reasoning"
    NAME: ClassVar[str] = "Reasoning"
    HELP: ClassVar[str | None] = (
        "What the agent thinks and does, as it happens: its words, ▶ the tools it calls, "
        f"» what you told it, {CROSS} what went wrong, ! notices of the lab. "
        "New lines come into view while the end is shown; "
        "scroll up to read back, End follows again."
    )
    follows_end: ClassVar[bool] = True

    def __init__(self, digit: int) -> None:
        """Make an empty pane."""
        super().__init__(digit)
        self._wrapped: dict[int, tuple[int, int, list[Line]]] = {}

    def rows(self, width: int) -> list[Line]:
        """Return the thoughts of all experiments, wrapped, oldest first."""
        rows: list[Line] = []
        known: dict[int, tuple[int, int, list[Line]]] = {}
        experiment: int | None = None
        said = heapq.merge(self.night.blocks, self.night.state.notices, key=lambda each: each.at)
        for block in said:
            if isinstance(block, Notice):
                rows.extend(_notice(block, width))
                continue
            if block.experiment != experiment:
                experiment = block.experiment
                rows.extend(self._heading(experiment, first=not rows))
            entry = self._wrapped.get(id(block))
            if entry is None or entry[:2] != (len(block.text), width):
                entry = (len(block.text), width, _wrapped(block, width))
            known[id(block)] = entry
            rows.extend(entry[2])
        self._wrapped = known
        for steering in self.night.state.steering:
            if steering.experiment is None:
                rows.extend(_pending(steering, width))
        return rows or [(("The agent has not spoken yet.", "muted"),)]

    def _heading(self, experiment: int, *, first: bool) -> list[Line]:
        known = self.night.state.experiments.get(experiment)
        title = "baseline" if experiment == 0 else one_line(known.title) if known else "proposing"
        heading = ((f"#{experiment} ", "strong accent"), (title, "strong"))
        return [heading] if first else [(), heading]


def _notice(notice: Notice, width: int) -> list[Line]:
    style = NOTICE_STYLES[notice.level]
    return _marked("! ", style, wrap(one_line(notice.text), width - 2), style)


def _marked(mark: str, mark_style: str, lines: list[str], style: str) -> list[Line]:
    """Return lines with a mark before the first, the others aligned with it."""
    first, *rest = lines
    indented: list[Line] = [((" " * len(mark), ""), (line, style)) for line in rest]
    return [((mark, mark_style), (first, style)), *indented]


def _wrapped(block: Block, width: int) -> list[Line]:
    style = "muted" if block.kind is ThoughtKind.THINKING else ""
    if block.kind in _ONE_LINERS:
        mark, mark_style, style = _ONE_LINERS[block.kind]
        if block.kind is ThoughtKind.TOOL:
            return [((mark, mark_style), (one_line(block.text), style))]
        return _marked(mark, mark_style, wrap(one_line(block.text), width - len(mark)), style)
    return [((line, style),) for line in wrap(block.text.strip("\n"), width)]


def _pending(steering: Steering, width: int) -> list[Line]:
    text = f"{one_line(steering.text)} (waits for the next proposal)"
    return _marked("» ", "warn", wrap(text, width - 2), "warn")
