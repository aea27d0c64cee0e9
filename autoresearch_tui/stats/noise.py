"""How far apart two measurements of the same thing may come out."""

import math
import statistics
from collections.abc import Sequence

LENTH_SCALE = 1.5
"""Makes the median of absolute values that are normally distributed their standard deviation."""
LENTH_TRIM = 2.5
"""Changes larger than so many first guesses are effects, and no noise."""
LEAST_CHANGES = 5


def repeat_noise(groups: Sequence[Sequence[float]]) -> tuple[float, int] | None:
    """Return the standard deviation of a difference of two runs, and the repeats that it rests on.

    Args:
        groups: the measurements of each thing that was measured more than once; within a group
            they differ by noise alone.

    Returns:
        The pooled standard deviation of one measurement times the square root of two, and the
        degrees of freedom; none where nothing finite was measured twice.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        finite = [value for value in group if math.isfinite(value)]
        if len(finite) < 2:
            continue
        mean = statistics.fmean(finite)
        squares += math.fsum((value - mean) ** 2 for value in finite)
        freedom += len(finite) - 1
    return (math.sqrt(2 * squares / freedom), freedom) if freedom else None


def guessed_noise(changes: Sequence[float]) -> float | None:
    """Return a guess of the same from changes of which most are small: Lenth's pseudo error.

    Where nothing was measured twice, the changes nearest to zero are taken for noise (Lenth, "Quick
    and Easy Analysis of Unreplicated Factorials", Technometrics 1989). Where most changes really
    do something, the guess is too large.

    Returns:
        The standard deviation of a change that changes nothing; none for fewer than
        `LEAST_CHANGES` finite changes, or where all of those that count are zero.
    """
    sizes = [abs(change) for change in changes if math.isfinite(change)]
    if len(sizes) < LEAST_CHANGES:
        return None
    first = LENTH_SCALE * statistics.median(sizes)
    small = [size for size in sizes if size < LENTH_TRIM * first]
    return LENTH_SCALE * statistics.median(small) or None if small else None
