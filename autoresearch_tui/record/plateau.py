"""Whether the night still gets anywhere: noise, lineage and plateau, read off the state alone."""

import math
import statistics
from dataclasses import dataclass

from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status

PLATEAU_AFTER = 15
"""So many experiments in a row without a gain that stands out are a plateau."""
STANDS_OUT_SD = 2.3
"""How far two runs must lie apart, in standard deviations of one run, so that luck alone does that
in one of twenty cases: 1.64 times the square root of two."""
STANDS_OUT_SHARE = 0.02
"""The same as a share of what the night gained in all, where nobody knows the noise."""
TRIED = (Status.KEEP, Status.DISCARD, Status.CRASH, Status.TIMEOUT, Status.INVALID, Status.PRUNED)
"""Verdicts of edits that had their chance."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """A stretch of experiments that led nowhere."""

    since: int
    """The experiment with the last gain that stood out."""
    tried: int
    """How many were tried since."""
    gained: float
    """What the keeps among them gained together, in the metric's unit; it may well be luck."""
    least: float
    """What it would have taken."""


def noise(state: SessionState) -> float | None:
    """Return the standard deviation of one run's metric, by experiments that were run repeatedly.

    None where no experiment was: then nobody knows it.
    """
    squares, degrees = 0.0, 0
    for experiment in state.experiments.values():
        if len(experiment.runs) < 2:
            continue
        values = [run.val_bpb for run in experiment.runs if run.val_bpb is not None]
        if len(values) > 1 and all(map(math.isfinite, values)):
            squares += statistics.variance(values) * (len(values) - 1)
            degrees += len(values) - 1
    return math.sqrt(squares / degrees) if degrees else None


def lineage(state: SessionState) -> list[Experiment]:
    """Return the keeps that the incumbent stands on, the baseline first, itself last.

    What was undone is not among them.
    """
    chain: list[Experiment] = []
    number = state.incumbent
    while number is not None and number in state.experiments:
        experiment = state.experiments[number]
        chain.append(experiment)
        # A parent has a lower number; a journal of another hand may say otherwise.
        parent = experiment.parent
        number = parent if parent is not None and parent < number else None
    return chain[::-1]


def stands_out(state: SessionState) -> float:
    """Return the gain that is more than luck: by the noise, else by what was gained so far."""
    spread = noise(state)
    if spread is not None:
        return STANDS_OUT_SD * spread
    kept = [each.val_bpb for each in lineage(state) if each.val_bpb is not None]
    total = state.direction.gain(kept[-1] - kept[0]) if kept else 0.0
    return STANDS_OUT_SHARE * max(0.0, total)


def plateau(state: SessionState) -> Plateau | None:
    """Return the stretch without a gain that stands out, where it is long enough to tell.

    Small keeps count together: several that lead somewhere are no plateau.
    """
    kept = lineage(state)
    if not kept or kept[0].val_bpb is None:
        return None
    least, chain = stands_out(state), {each.number for each in kept}
    since, level, best = kept[0].number, kept[0].val_bpb, kept[0].val_bpb
    tried = 0
    for number, experiment in state.experiments.items():
        if number <= since or experiment.status not in TRIED:
            continue
        tried += 1
        if number in chain and experiment.val_bpb is not None:
            best = experiment.val_bpb
            if state.direction.gain(best - level) > least:
                since, level, tried = number, best, 0
    if tried < PLATEAU_AFTER:
        return None
    return Plateau(since, tried, state.direction.gain(best - level), least)
