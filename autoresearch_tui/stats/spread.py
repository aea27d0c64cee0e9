"""Where the bulk of some values lies, so that a few far ones do not hide the rest."""

import math
import statistics
from collections.abc import Sequence

FENCE_IQRS = 3.0
"""Tukey's outer fence: values farther than this above the upper quartile are far out."""


def upper_fence(values: Sequence[float]) -> float:
    """Return the largest value that is not far above the others.

    Only the upper side is fenced: for a loss, the low values are what matters.

    Raises:
        ValueError: there is no finite value.
    """
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        raise ValueError("an upper fence needs at least one finite value")
    if len(finite) < 4:
        return finite[-1]
    lower, _, upper = statistics.quantiles(finite, n=4, method="inclusive")
    fence = upper + FENCE_IQRS * (upper - lower)
    return max(value for value in finite if value <= fence)


def smoothed(values: Sequence[float], halflife: float) -> list[float]:
    """Return the exponential moving averages, unbiased at the start; `halflife` is in values."""
    keep = 0.5 ** (1.0 / max(halflife, 1e-9))
    averages: list[float] = []
    total = weight = 0.0
    for value in values:
        total = keep * total + (1 - keep) * value
        weight = keep * weight + (1 - keep)
        averages.append(total / weight)
    return averages
