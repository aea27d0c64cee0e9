"""The values that a constant may be moved to: a ladder of values a person would write.

Rungs are far enough apart for one run to tell them from noise, which is why nothing between them is
tried: learning rates go by the ten preferred numbers of a decade (a quarter more each), momenta by
the same of what is missing to 1, fractions by twentieths, sizes by powers of two or by multiples of
what has to divide them, small counts by one. Switches and named choices have no order. A number
below 1 of which neither name nor comment says what it is goes no further than a rung beyond 1, and
goes like a momentum where it lies close to 1.

A comment decides before all rules: `0.003 to 0.3` bounds a number, `one of: relu, gelu` lists the
choices, and the word `frozen` or `fixed` leaves the constant alone.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from autoresearch_tui.agents.constants import Constant, Number, Value

REACH = 6
"""How many rungs a ladder goes each way: with ten a decade, a factor of four."""
EVEN_STEP = 0.15
SMALLEST = 1e-12
NEAR_ONE = 0.9
"""From here on, a part of which nobody says more is one that decays: 0.99 is not 0.9."""
MOST_MULTIPLES = 16
"""Of how many times its divisor a number's neighbours are still different enough to be rungs."""

_PREFERRED = (1.0, 1.25, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
_LEAST_STEP = 1.12
"""The factor below which two rungs are too close for one run to tell apart."""

_NOT_TUNED = re.compile(
    r"(?:^|_)(?:SEEDS?|LOG|PRINT|EVAL|VAL|PEAK|FLOPS|BUDGET|SECONDS|VERSION|PORT|THREADS|WORKERS)"
    r"(?:_|$)"
)
_FROZEN = re.compile(r"\b(?:frozen|fixed|not tuned|do not (?:change|touch|tune))\b", re.IGNORECASE)
_RANGE = re.compile(r"(-?\d[\d_.e+-]*) to (-?\d[\d_.e+-]*)")
_FRACTIONS = (0.0, 0.01, 0.02, *(round(0.05 * k, 2) for k in range(1, 21)))
_ABOVE_ZERO = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_FRACTION = re.compile(
    r"(?:^|_)(?:RATIO|FRAC|FRACTION|DROPOUT|WARMUP|WARMDOWN|COOLDOWN|SHARE|PART|PORTION)(?:_|$)"
)
_SIZE = re.compile(r"(?:^|_)(?:BATCH|HEADS?|DIM|WIDTH|EMBD|EMBED|SEQ|LEN|LENGTH|WINDOW)(?:_|$)")
_FLAG = re.compile(r"^(?:USE|ENABLE|WITH|IS|HAS)_")
_SCALE = re.compile(
    r"(?:^|_|\b)(?:LR|RATES?|SCALES?|STD|SIGMA|INIT|EPS|WEIGHTS?|COEF\w*|FACTOR|MULT\w*|GAIN|"
    r"CAP|CLIP|TEMP\w*|NORM|LAMBDA|ALPHA|SPEED|STEPS?|SLOPE|HOURS?|MINUTES?)(?:_|\b|$)",
    re.IGNORECASE,
)
"""Words of a number that may as well be above 1."""
_MOMENTUM = re.compile(r"(?:^|_)(?:BETA|BETA1|BETA2|BETAS|MOMENTUM|EMA)(?:_|$)")


@dataclass(frozen=True, slots=True)
class Ladder:
    """The values of one constant, numbers in ascending order; the present one is among them."""

    constant: Constant
    rungs: tuple[Value, ...]

    @property
    def present(self) -> int:
        """The index of the constant's present value."""
        return self.rungs.index(self.constant.value)

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring rungs are alike: not those of a switch or of named choices."""
        return not (isinstance(self.constant.value, bool | str))

    def nearest(self, value: Value) -> int:
        """Return the index of the rung closest to a value; the last one for what lies outside.

        Of values without an order, the present one's where the value is no rung.
        """
        if not self.is_ordered or isinstance(value, str):
            return self.rungs.index(value) if value in self.rungs else self.present
        rungs = cast("tuple[Number, ...]", self.rungs)
        above = bisect_left(rungs, value)
        if above in {0, len(rungs)}:
            return min(above, len(rungs) - 1)
        low, high = rungs[above - 1], rungs[above]
        middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
        return above if value >= middle else above - 1

    def place(self, value: Value) -> float:
        """Return where a number lies, in doublings, so that the same step matters about as much.

        What is missing to 1 counts for a momentum. A share, and what may be zero, goes evenly:
        `EVEN_STEP` is a doubling. Values without an order lie at the count of their rung.
        """
        if not self.is_ordered or isinstance(value, str):
            return float(self.nearest(value))
        name = self.constant.name
        low, high = (cast("Number", self.rungs[end]) for end in (0, -1))
        if (_MOMENTUM.search(name) or _is_near_one(self.constant)) and low > 0 and high < 1:
            return -math.log2(max(1 - value, SMALLEST))
        if low < 0:
            return math.log2(max(-value, SMALLEST))
        if low == 0 or _FRACTION.search(name):
            step = EVEN_STEP if isinstance(low, float) or _FRACTION.search(name) else 1
            return value / step
        return math.log2(max(value, SMALLEST))


def build(constant: Constant, divisors: Collection[int] = ()) -> Ladder | None:
    """Return the ladder of a constant; none for what is no quantity to tune.

    Not tuned are what a comment freezes, seeds, how often something is logged, what describes the
    hardware, and negative whole numbers, which stand for something else more often than not.

    Args:
        constant: with its comment, which may state its range or its choices.
        divisors: what a whole number has to stay a multiple of.
    """
    value = constant.value
    if _NOT_TUNED.search(constant.name) or _FROZEN.search(constant.meaning):
        return None
    if constant.choices:
        return Ladder(constant, _in_order(constant.choices)) if constant.choices[1:] else None
    if isinstance(value, bool):
        return Ladder(constant, (False, True))
    if isinstance(value, str) or (isinstance(value, int) and value < 0):
        return None
    low, high = _stated_range(constant, value)
    values = [number for number in _numbers(constant, value, divisors) if low <= number <= high]
    rungs = tuple(sorted({value, *values}))
    return Ladder(constant, rungs) if len(rungs) > 1 else None


def _in_order(choices: tuple[Value, ...]) -> tuple[Value, ...]:
    numbers = [choice for choice in choices if not isinstance(choice, str)]
    return tuple(sorted(numbers)) if len(numbers) == len(choices) else choices


def _numbers(constant: Constant, value: Number, divisors: Collection[int]) -> list[Number]:
    """Return what a number may be moved to by its kind, which its name and size tell."""
    if isinstance(value, int):
        step = math.lcm(*divisors)
        if step > 1 and value // step in range(1, MOST_MULTIPLES + 1):
            return [*_multiples(value, step)]
        return [number for number in _whole(value, constant.name) if number % step == 0]
    if value < 0:
        return [-number for number in _logarithmic(-value)]
    if (_MOMENTUM.search(constant.name) and 0.5 <= value < 1) or _is_near_one(constant):
        return [_rounded(1 - rest) for rest in _logarithmic(1 - value) if rest <= 0.5]
    if _FRACTION.search(constant.name) and value <= 1:
        below = [number for number in _FRACTIONS if number < value]
        return [*below[-REACH:], *[n for n in _FRACTIONS if n > value][:REACH]]
    if not value:
        return [*_ABOVE_ZERO]
    numbers = _logarithmic(value)
    if _may_be_a_part(constant):
        # Most such are parts of something, and more than the whole of it is seldom meant.
        above = [number for number in numbers if number > 1][:1]
        return [*(number for number in numbers if number < 1), *(above and [1.0, *above])]
    return numbers


def _may_be_a_part(constant: Constant) -> bool:
    """Return whether a number is below one, and nothing says that it may as well be above it."""
    value = constant.value
    told = f"{constant.name} {constant.meaning}"
    return isinstance(value, float) and 0 < value < 1 and not _SCALE.search(told)


def _is_near_one(constant: Constant) -> bool:
    """Return whether what is missing to one is what counts of a number, by its value alone."""
    return (
        _may_be_a_part(constant)
        and not _FRACTION.search(constant.name)
        and float(constant.value) >= NEAR_ONE
    )


def _multiples(value: int, step: int) -> list[int]:
    """Return multiples of `step` around one of them: its neighbours, its half and its double."""
    times = value // step
    near = range(max(1, times - 3), times + 4)
    return [k * step for k in {*near, *(k for k in (times // 2, 2 * times) if k)}]


def _stated_range(constant: Constant, value: Number) -> tuple[float, float]:
    """Return the range that the comment names, as in `# AdamW, 0.003 to 0.3`."""
    if match := _RANGE.search(constant.meaning):
        try:
            low, high = map(float, match.groups())
        except ValueError:
            return -math.inf, math.inf
        if low <= value <= high:
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
