"""Whose turn it is in a contest: discounted upper confidence bounds on gain per hour."""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

DISCOUNT = 0.97
"""What an experiment counts less with each one that came after it: gains grow rarer by the hour, so
what an agent gave an hour ago says more of it than what it gave at first."""
CURIOSITY = 0.5
"""How much not knowing an agent speaks for asking it, in the typical size of a gain per hour."""

Name = TypeVar("Name", bound=Hashable)


def choose(names: Sequence[Name], history: Iterable[tuple[Name, float, float]]) -> Name:
    """Return who is to have the next turn.

    Who never had one comes first. Then it is the one with the highest rate (discounted gain over
    discounted hours) plus a bonus that grows with the logarithm of all turns and falls with the
    root of its own. The unit of neither gain nor time matters, nor do the names.

    Args:
        names: who can take the turn, at least one; of equals the first is chosen.
        history: of each turn, oldest first, who had it, what it gained (0 or more), and the hours
            that it took. The turns of others than `names` age the rest and count no further.

    Raises:
        ValueError: there is nobody to choose from.
    """
    if not names:
        raise ValueError("a turn needs somebody to take it")
    gains = dict.fromkeys(names, 0.0)
    hours = dict.fromkeys(names, 0.0)
    turns = dict.fromkeys(names, 0.0)
    squares = 0.0
    for name, gain, took in history:
        for known in names:
            gains[known] *= DISCOUNT
            hours[known] *= DISCOUNT
            turns[known] *= DISCOUNT
        squares *= DISCOUNT
        if name in gains:
            gains[name] += gain
            hours[name] += took
            turns[name] += 1.0
            squares += gain * gain
    for name in names:
        if turns[name] < 1e-6:
            return name
    all_turns = sum(turns.values())
    all_hours = sum(hours.values())
    typical = math.sqrt(squares / all_turns) * all_turns / all_hours if all_hours > 0 else 0.0
    if typical == 0.0:
        # Nobody has gained anything yet, or time is free: each in turn.
        return min(names, key=lambda name: turns[name])

    def bound(name: Name) -> float:
        rate = gains[name] / hours[name] if hours[name] > 0 else 0.0
        return rate + CURIOSITY * typical * math.sqrt(math.log(1.0 + all_turns) / turns[name])

    return max(names, key=bound)
