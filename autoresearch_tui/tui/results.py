"""What of a night is charted: results by number and time, and the noise around the best."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice

from autoresearch_tui.control.messages import repeated
from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Direction, Status
from autoresearch_tui.stats.noise import guessed_noise, repeat_noise

CHANGES_FOR_NOISE = 200
"""So many of the latest changes make a guess."""


class Axis(StrEnum):
    """What the experiments are laid out by."""

    NUMBER = "number"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Point:
    """One experiment with a verdict."""

    number: int
    at: float
    """Seconds since the session began."""
    value: float
    """Not a number where nothing was measured."""
    status: Status


@dataclass(frozen=True)
class Band:
    """How far from the incumbent a result means nothing."""

    half: float
    words: str


@dataclass(frozen=True, eq=False)
class Gathered:
    """What of a state is charted."""

    points: list[Point]
    pending: dict[int, float]
    """Experiments without a verdict, and when they were proposed."""
    direction: Direction
    incumbent: int | None
    level: float | None
    """The incumbent's metric."""
    band: Band | None

    @cached_property
    def moments(self) -> dict[int, float]:
        """Seconds since the session began, by experiment."""
        return {each.number: each.at for each in self.points} | self.pending

    @cached_property
    def values(self) -> dict[int, float]:
        """What was measured, by experiment."""
        return {each.number: each.value for each in self.points if math.isfinite(each.value)}

    @cached_property
    def statuses(self) -> set[Status]:
        """How experiments ended."""
        return {each.status for each in self.points}

    @cached_property
    def numbers(self) -> list[int]:
        """All experiments, in ascending order."""
        return sorted(self.moments)

    @cached_property
    def _times(self) -> tuple[float, float]:
        return min(self.moments.values()), max(self.moments.values())

    def extent(self, axis: Axis) -> tuple[float, float]:
        """Return the range of the axis."""
        if not self.numbers:
            return 0.0, 0.0
        return (self.numbers[0], self.numbers[-1]) if axis is Axis.NUMBER else self._times

    def place(self, number: int, axis: Axis) -> float | None:
        """Return where on the axis an experiment is."""
        at = self.moments.get(number)
        return at if at is None or axis is Axis.TIME else float(number)


def gathered(state: SessionState) -> Gathered:
    """Return what is charted of a state."""
    began = state.started_at or 0.0
    points: list[Point] = []
    pending: dict[int, float] = {}
    for each in state.experiments.values():
        if each.status is None:
            pending[each.number] = each.proposed_at - began
            continue
        at = (each.proposed_at if each.judged_at is None else each.judged_at) - began
        value = math.nan if each.val_bpb is None else each.val_bpb
        points.append(Point(each.number, at, value, each.status))
    best = state.best
    level = None if best is None else best.val_bpb
    band = None if level is None else noise_band(state)
    return Gathered(points, pending, state.direction, state.incumbent, level, band)


def noise_band(state: SessionState) -> Band | None:
    """Return how far apart two runs of one file come out, by repeats, else by a guess."""
    experiments = state.experiments
    repeats = repeat_noise(_groups(state))
    if repeats is not None and repeats[0] > 0:
        half, freedom = repeats
        count = "1 repeat" if freedom == 1 else f"{freedom} repeats"
        return Band(half, f"noise {_plus_minus(half, state)}, by {count}")
    latest = (each.change for each in reversed(experiments.values()))
    changes = list(islice((each for each in latest if each is not None), CHANGES_FOR_NOISE))
    if (half := guessed_noise(changes)) is None:
        return None
    return Band(half, f"noise {_plus_minus(half, state)}, guessed from {len(changes)} changes")


def _groups(state: SessionState) -> list[list[float]]:
    """Return what was measured of each file that ran more than once."""
    groups: dict[int, list[float]] = {}
    for each in state.experiments.values():
        values = [run.val_bpb for run in each.runs if run.val_bpb is not None]
        origin = repeated(each.title, each.hypothesis)
        if origin in groups:
            groups[each.number] = groups[origin]
        groups.setdefault(each.number, []).extend(values)
    shared = {id(group): group for group in groups.values()}
    return list(shared.values())


def _plus_minus(half: float, state: SessionState) -> str:
    return "±" + change_words(half, state.metric).lstrip("+")
