"""The values that a constant may be moved to: a ladder of numbers a person would write.

Rungs are far enough apart for one run to tell them from noise, which is why nothing between them is
tried: learning rates go by the ten preferred numbers of a decade (a quarter more each), momenta by
the same of what is missing to 1, fractions by twentieths, sizes by powers of two or by multiples
that hardware likes, small counts by one.
"""

import math
import re
from bisect import bisect_left
from dataclasses import dataclass

from autoresearch_tui.agents.constants import Constant, Number

REACH = 6
"""How many rungs a ladder goes each way: with ten a decade, a factor of four."""

_PREFERRED = (1.0, 1.25, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
_LEAST_STEP = 1.12
"""The factor below which two rungs are too close for one run to tell apart."""

_NOT_TUNED = re.compile(
    r"(?:^|_)(?:SEEDS?|LOG|PRINT|EVAL|VAL|PEAK|FLOPS|BUDGET|SECONDS|VERSION|PORT|THREADS|WORKERS)"
    r"(?:_|$)"
)
_RANGE = re.compile(r"(-?\d[\d_.e+-]*) to (-?\d[\d_.e+-]*)")
_FRACTIONS = (0.0, 0.01, 0.02, *(round(0.05 * k, 2) for k in range(1, 21)))
_ABOVE_ZERO = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_FRACTION = re.compile(
    r"(?:^|_)(?:RATIO|FRAC|FRACTION|DROPOUT|WARMUP|WARMDOWN|COOLDOWN|SHARE|PART|PORTION)(?:_|$)"
)
_SIZE = re.compile(r"(?:^|_)(?:BATCH|HEADS?|DIM|WIDTH|EMBD|EMBED|SEQ|LEN|LENGTH|WINDOW)(?:_|$)")
_FLAG = re.compile(r"^(?:USE|ENABLE|WITH|IS|HAS)_")
_MOMENTUM = re.compile(r"(?:^|_)(?:BETA|BETA1|BETA2|BETAS|MOMENTUM|EMA)(?:_|$)")


@dataclass(frozen=True, slots=True)
class Ladder:
    """The values of one constant in ascending order; the present one is among them."""

    constant: Constant
    rungs: tuple[Number, ...]

    @property
    def present(self) -> int:
        """The index of the constant's present value."""
        return self.rungs.index(self.constant.value)

    def nearest(self, value: Number) -> int:
        """Return the index of the rung closest to a value; the last one for what lies outside."""
        above = bisect_left(self.rungs, value)
        if above in {0, len(self.rungs)}:
            return min(above, len(self.rungs) - 1)
        low, high = self.rungs[above - 1], self.rungs[above]
        middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
        return above if value >= middle else above - 1


def build(constant: Constant) -> Ladder | None:
    """Return the ladder of a constant; none for what is no quantity to tune.

    A range in the comment (`0.003 to 0.3`) bounds it. Not tuned are seeds, how
    often something is logged, what describes the hardware, and negative whole numbers, which stand
    for something else more often than not.
    """
    value = constant.value
    if _NOT_TUNED.search(constant.name) or (isinstance(value, int) and value < 0):
        return None
    if isinstance(value, int):
        values = _whole(value, constant.name)
    elif value < 0:
        values = [-number for number in _logarithmic(-value)]
    elif _MOMENTUM.search(constant.name) and 0.5 <= value < 1:
        values = [_rounded(1 - rest) for rest in _logarithmic(1 - value) if rest <= 0.5]
    elif _FRACTION.search(constant.name) and value <= 1:
        below = [number for number in _FRACTIONS if number < value]
        values = [*below[-REACH:], *[n for n in _FRACTIONS if n > value][:REACH]]
    elif not value:
        values = list(_ABOVE_ZERO)
    else:
        values = _logarithmic(value)
    low, high = _stated_range(constant)
    rungs = tuple(sorted({value, *(number for number in values if low <= number <= high)}))
    return Ladder(constant, rungs) if len(rungs) > 1 else None


def _stated_range(constant: Constant) -> tuple[float, float]:
    """Return the range that the comment names, as in `# AdamW, 0.003 to 0.3`."""
    if match := _RANGE.search(constant.meaning):
        try:
            low, high = map(float, match.groups())
        except ValueError:
            return -math.inf, math.inf
        if low <= constant.value <= high:
            return low, high
    return -math.inf, math.inf


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _logarithmic(value: float) -> list[float]:
    """Return preferred numbers around a positive value, up to `REACH` each way."""
    decade = math.floor(math.log10(value))
    numbers = [
        float(f"{mantissa:g}e{exponent}")
        for exponent in range(decade - 1, decade + 2)
        for mantissa in _PREFERRED
    ]
    below = [number for number in numbers if number * _LEAST_STEP <= value]
    above = [number for number in numbers if number >= value * _LEAST_STEP]
    return [*below[-REACH:], *above[:REACH]]


def _whole(value: int, name: str) -> list[int]:
    power_of_two = value & (value - 1) == 0
    if value in {0, 1} and _FLAG.search(name):
        return [0, 1]
    if value == 0:
        return [0, 1, 2]
    if power_of_two and value > 1 and (value > 16 or _SIZE.search(name)):
        return [number for shift in range(-2, 3) if (number := int(value * 2.0**shift)) > 0]
    if value <= 16:
        return list(range(max(1, value // 2, value - REACH), min(2 * value, value + REACH) + 1))
    step = min(value & -value, 64)
    if step >= 8 and step * 12 >= value:
        # A width such as 192 stays a multiple of what it is divisible by.
        return [number for k in range(-3, 4) if (number := value + k * step) > 0]
    return [max(1, round(number)) for number in _logarithmic(float(value))]
