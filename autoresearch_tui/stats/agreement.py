"""How well what was expected agrees with what came."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of pairs of an expected and a measured change."""

    pairs: int
    rank: float | None
    """Spearman's correlation of ranks, -1 to 1; none of fewer than three pairs, or where all on one
    side are equal."""
    sign: float | None
    """The share in which both went the same way, of the pairs in which neither is zero."""
    error: float | None
    """The mean of the absolute differences."""


def agreement(expected: Sequence[float], measured: Sequence[float]) -> Agreement:
    """Compare two sequences, pair by pair; pairs with what is not finite are left out.

    Raises:
        ValueError: they are not of one length.
    """
    pairs = [
        (one, other)
        for one, other in zip(expected, measured, strict=True)
        if math.isfinite(one) and math.isfinite(other)
    ]
    # No product: that of two tiny numbers is zero.
    signed = [(one > 0) is (other > 0) for one, other in pairs if one and other]
    return Agreement(
        pairs=len(pairs),
        rank=_rank([one for one, _ in pairs], [other for _, other in pairs]),
        sign=sum(signed) / len(signed) if signed else None,
        error=sum(abs(one - other) for one, other in pairs) / len(pairs) if pairs else None,
    )


def _rank(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    if len(xs) < 3:
        return None
    a, b = _ranks(xs), _ranks(ys)
    middle = (len(xs) + 1) / 2
    spread = math.sqrt(
        sum((rank - middle) ** 2 for rank in a) * sum((rank - middle) ** 2 for rank in b)
    )
    if not spread:
        return None
    together = sum((i - middle) * (j - middle) for i, j in zip(a, b, strict=True))
    return max(-1.0, min(1.0, together / spread))


def _ranks(values: Sequence[float]) -> list[float]:
    """Return ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for i in order[at:end]:
            ranks[i] = (at + 1 + end) / 2
        at = end
    return ranks
