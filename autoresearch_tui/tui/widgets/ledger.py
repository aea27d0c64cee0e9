"""What a session's time went to, as a bar with its shares in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoresearch_tui.record.state import Activity
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.text import Line, Span, pad, width_of

LABEL_CELLS = 6
WIDE_CELLS = 50
SHOWN_SHARE = 0.005
"""Less than that has no word; it rounds to nothing."""

KINDS: tuple[tuple[str, str, str, str, Activity], ...] = (
    ("█", "good", "train", "training", Activity.TRAINING),
    ("▓", "accent", "compile", "compiling", Activity.COMPILING),
    ("▒", "accent", "start", "starting", Activity.STARTING),
    ("▚", "note", "eval", "evaluating", Activity.EVALUATING),
    ("░", "warn", "agent", "waiting for the agent", Activity.WAITING_FOR_AGENT),
    ("?", "warn", "you", "waiting for you", Activity.WAITING_FOR_HUMAN),
    (CROSS, "bad", "fail", "failed", Activity.FAILED),
    ("‖", "muted", "pause", "paused", Activity.PAUSED),
)
"""The parts of the bar: glyph, style, short and long name, and what counts in it."""


@dataclass(frozen=True)
class Part:
    """One part of the bar; `share` is of 1."""

    glyph: str
    style: str
    short: str
    name: str
    share: float


def parts(ledger: Mapping[Activity, float]) -> list[Part]:
    """Return the parts of a ledger in seconds; none where no time has passed."""
    total = sum(ledger.values())
    if total <= 0:
        return []
    return [
        Part(glyph, style, short, name, ledger.get(activity, 0.0) / total)
        for glyph, style, short, name, activity in KINDS
    ]


def bar(shares: Sequence[Part], width: int) -> Line:
    """Return the bar, `width` cells in all; what has a share of its own has its cells in order."""
    wide = width >= WIDE_CELLS
    spans: list[Span] = [(pad("time" if wide else "time%", LABEL_CELLS), "muted")]
    room = width - LABEL_CELLS
    filled, exact = 0, 0.0
    for part in shares:
        exact += part.share * room
        end = round(exact)
        spans.append((part.glyph * (end - filled), part.style))
        filled = end
    return tuple(span for span in spans if span[0])


def legend(shares: Sequence[Part], width: int, rows: int) -> list[Line]:
    """Return the names and shares in at most `rows` rows, the largest where not all fit."""
    seen = [part for part in shares if part.share >= SHOWN_SHARE]
    if width >= WIDE_CELLS:
        long = [_entry(part, f" {part.name} {part.share:.0%}  ") for part in seen]
        laid = _rows(long, width - LABEL_CELLS)
        if len(laid) <= rows:
            return [((" " * LABEL_CELLS, ""), *line) for line in laid]
    short = {part.name: _entry(part, f"{part.short} {part.share * 100:.0f} ") for part in seen}
    by_share = sorted(seen, key=lambda part: -part.share)
    for count in range(len(seen), 0, -1):
        kept = {part.name for part in by_share[:count]}
        laid = _rows([short[part.name] for part in seen if part.name in kept], width)
        if len(laid) <= rows:
            return laid
    return []


def _entry(part: Part, words: str) -> Line:
    return ((part.glyph, part.style), (words, "muted"))


def _rows(entries: Sequence[Line], width: int) -> list[Line]:
    lines: list[Line] = []
    line: Line = ()
    for entry in entries:
        if line and width_of(line) + width_of(_stripped(entry)) > width:
            lines.append(_stripped(line))
            line = ()
        line = (*line, *entry)
    return [*lines, _stripped(line)] if line else lines


def _stripped(line: Line) -> Line:
    """Return the line without the blanks behind its last word."""
    *before, (text, style) = line
    return (*before, (text.rstrip(), style))
