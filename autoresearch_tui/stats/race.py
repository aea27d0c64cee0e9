"""Which of two curves is ahead at one moment, and whether their wobble allows to say so."""

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Points = Sequence[tuple[float, float]]
"""Moments in ascending order and values, of which the lower is better."""
LEAST_POINTS = 4
CLEAR_ERRORS = 2.0
"""From so many standard errors on, a lead is one."""


@dataclass(frozen=True)
class Lead:
    """How one curve stands against another."""

    at: float
    mine: float
    theirs: float
    error: float
    """The standard error of `gain`; infinite where too few points tell."""

    @property
    def gain(self) -> float:
        """By how much mine is lower; negative where it is higher."""
        return self.theirs - self.mine

    @property
    def clear(self) -> bool:
        """Whether the difference is larger than the wobble of the two curves explains."""
        return abs(self.gain) > CLEAR_ERRORS * self.error


def lead_at(mine: Points, theirs: Points, at: float, span: float) -> Lead | None:
    """Return how the two means over the last `span` before `at` compare.

    Returns:
        None where one of the curves has no point there.
    """
    parts = [_values(points, at - span, at) for points in (mine, theirs)]
    if not all(parts):
        return None
    means = [statistics.fmean(values) for values in parts]
    error = math.sqrt(sum(_mean_variance(values) for values in parts))
    return Lead(at, means[0], means[1], error)


def _values(points: Points, start: float, end: float) -> list[float]:
    first = bisect_left(points, start, key=lambda point: point[0])
    last = bisect_right(points, end, key=lambda point: point[0])
    return [value for _, value in points[first:last]]


def _mean_variance(values: Sequence[float]) -> float:
    """Return the variance of a mean, by neighbours, so that a slope does not count as wobble."""
    if len(values) < LEAST_POINTS:
        return math.inf
    steps = [(after - before) ** 2 for before, after in pairwise(values)]
    return statistics.fmean(steps) / 2 / len(values)
