"""What a training script of somebody else says of its own run, read from what it printed.

Scripts print a metric more than once, redraw their progress with carriage returns, colour their
lines, and print `nan` when they diverged. A metric counts where it begins a line: `val_bpb: 0.9979`
or `val_bpb=0.9979`. The summary comes last, so the last one counts.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from autoresearch_tui.record.vocabulary import Direction

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LINE_END = re.compile(r"[\r\n]+")
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)"
_BEHIND = r"(?=$|[\s,;|%)\]])"
_LARGEST = 1e18
"""A count above this is no count."""
_MEGA = 1e6

T = TypeVar("T")


@dataclass(frozen=True)
class Reported:
    """What a run printed of itself; none where it did not."""

    word: str | None = None
    """The metric as it stands in the output: `0.997900`, `nan`."""
    training_s: float | None = None
    steps: int | None = None
    tokens: int | None = None
    peak_memory_mb: int | None = None

    @property
    def value(self) -> float | None:
        """The metric as a number, which may be no finite one."""
        return None if self.word is None else float(self.word)


def read(text: str, metric: str) -> Reported:
    """Return what an output says of the metric, and of the figures of upstream's summary."""
    lines = [line.strip() for line in _LINE_END.split(_ANSI.sub("", text))]

    def last(name: str) -> str | None:
        pattern = re.compile(
            rf"{re.escape(name)}\s*[:=]\s*({_NUMBER}){_BEHIND}", re.IGNORECASE | re.ASCII
        )
        found = (pattern.match(line) for line in reversed(lines) if line.startswith(name))
        return next((match[1] for match in found if match), None)

    def count(name: str, unit: float = 1.0) -> int | None:
        return _figure(last(name), lambda value: round(value * unit))

    return Reported(
        word=last(metric),
        training_s=_figure(last("training_seconds"), float),
        steps=count("num_steps"),
        tokens=count("total_tokens_M", _MEGA),
        peak_memory_mb=count("peak_vram_mb"),
    )


def objection(word: str, metric: str, direction: Direction) -> str | None:
    """Return why a printed metric is no result, as a clause; none where it is one.

    A loss of zero is what scripts print that measured nothing. Where more is better zero is a poor
    result, and still one.
    """
    value = float(word)
    if not math.isfinite(value):
        return f"it reported a {metric} of {word}, which is no finite number"
    if direction is Direction.LOWER and value <= 0:
        return f"it reported a {metric} of {word}, and what is to be lowered is greater than zero"
    return None


def _figure(word: str | None, make: Callable[[float], T]) -> T | None:
    if word is None:
        return None
    value = float(word)
    return make(value) if 0 <= value < _LARGEST else None
