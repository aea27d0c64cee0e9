"""Which constants to move next, and where to: Thompson sampling over an additive model.

A night has about a hundred trials and a script more than a dozen constants, most of which hardly
matter. So one possible curve of each constant is drawn from what the trials leave open
(`response`), and the constants whose drawn curves promise most go to the lowest points of them:
what is known to be bad is left alone, what is not known is tried, and what several trials agree on
is done together.
"""

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoresearch_tui.agents.constants import Value
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.relations import Relation
from autoresearch_tui.agents.response import Array, Response
from autoresearch_tui.agents.room import MemoryRoom
from autoresearch_tui.agents.trials import Trial

MOST_MOVES = 5
"""Constants that one proposal moves."""
LONGEST_STEP = 1.0
"""Doublings beyond what was measured of a constant that a proposal goes."""
HEATS = (0.3, 1.0)
"""How much of what is not known a draw makes use of: it is timid or bold, by chance."""
ATTEMPTS = 24
"""Draws asked for before the nearest untried move is taken instead."""

Move = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Constants to move, by key, and what that is expected to do to the loss."""

    move: Move
    change: float
    """Negative is better; 0 before there is anything to tell from."""


def suggest(
    ladders: Sequence[Ladder],
    trials: Sequence[Trial],
    tried: Collection[tuple[Value, ...]],
    seed: int,
    wish: Mapping[str, int] | None = None,
    relations: Sequence[Relation] = (),
) -> Suggestion | None:
    """Return the constants to move and their new values; none if every move was tried.

    Args:
        ladders: one for each constant, around the incumbent's values.
        trials: the past experiments that have all these constants.
        tried: the values, in the ladders' order, that must not come again.
        seed: the same seed and trials give the same move.
        wish: restricts the constants (by key) and, with 1 or -1, the way they go.
        relations: what has to hold between the values.
    """
    rng = random.Random(seed)
    present = {ladder.constant.key: ladder.constant.value for ladder in ladders}
    room = MemoryRoom(ladders, trials)
    open_rungs = {
        ladder.constant.key: _open_rungs(ladder, trials, wish)
        for ladder in ladders
        if not wish or ladder.constant.key in wish
    }

    def may_be(move: Move) -> bool:
        values = {**present, **move}
        return (
            bool(move)
            and tuple(values.values()) not in tried
            and all(relation.holds(values) for relation in relations)
            and room.holds(values)
        )

    response = Response(ladders, trials)
    for _ in range(ATTEMPTS):
        curves = response.draw(rng.getrandbits(32), rng.choice(HEATS))
        move = _best(ladders, curves, open_rungs, may_be)
        if move:
            break
    else:
        move = next(filter(may_be, _neighbours(ladders, open_rungs, rng)), None)
    return Suggestion(move, _change(ladders, response, move)) if move else None


def _change(ladders: Sequence[Ladder], response: Response, move: Move) -> float:
    """Return what a move is expected to do to the loss."""
    change = 0.0
    for ladder, curve in zip(ladders, response.expected(), strict=True):
        if ladder.constant.key in move:
            to = ladder.rungs.index(move[ladder.constant.key])
            change += float(curve[to] - curve[ladder.present])
    return change


def _open_rungs(
    ladder: Ladder, trials: Sequence[Trial], wish: Mapping[str, int] | None
) -> list[int]:
    """Return the rungs that may be proposed, but for the present one: none far from all known."""
    key, present = ladder.constant.key, ladder.present
    way = (wish or {}).get(key, 0)
    rungs = [
        rung
        for rung in range(len(ladder.rungs))
        if rung != present and (not way or not ladder.is_ordered or (rung - present) * way > 0)
    ]
    if not ladder.is_ordered:
        return rungs
    known = [ladder.place(trial.values[key]) for trial in trials if trial.loss is not None]
    known.append(ladder.place(ladder.constant.value))
    low, high = min(known) - LONGEST_STEP - 1e-9, max(known) + LONGEST_STEP + 1e-9
    near = [rung for rung in rungs if low <= ladder.place(ladder.rungs[rung]) <= high]
    # A ladder may have no rung so near: its next ones are always open.
    return [rung for rung in rungs if rung in near or abs(rung - present) == 1]


def _best(
    ladders: Sequence[Ladder],
    curves: Sequence[Array],
    open_rungs: Mapping[str, Sequence[int]],
    may_be: Callable[[Move], bool],
) -> Move:
    """Return the moves that the curves promise most of, fewer where those may not be together."""
    promised: list[tuple[float, str, Value]] = []
    for ladder, curve in zip(ladders, curves, strict=True):
        key = ladder.constant.key
        if open_rungs.get(key):
            rung = min(open_rungs[key], key=lambda rung: curve[rung])
            promised.append((float(curve[ladder.present] - curve[rung]), key, ladder.rungs[rung]))
    promised.sort(key=lambda each: -each[0])
    # Where nothing is promised, the least loss is still worth a look.
    gains = [each for each in promised if each[0] > 0] or promised[:1]
    for count in range(min(MOST_MOVES, len(gains)), 0, -1):
        for chosen in itertools.islice(itertools.combinations(gains, count), count + 1):
            move = {key: value for _, key, value in chosen}
            if may_be(move):
                return move
    return {}


def _neighbours(
    ladders: Sequence[Ladder], open_rungs: Mapping[str, Sequence[int]], rng: random.Random
) -> Iterator[Move]:
    """Yield all open moves of one constant, then of two, the smallest steps first."""
    steps = [
        (abs(rung - ladder.present), rng.random(), ladder, rung)
        for ladder in ladders
        for rung in open_rungs.get(ladder.constant.key, ())
    ]
    steps.sort(key=lambda step: step[:2])
    for _, _, ladder, rung in steps:
        yield {ladder.constant.key: ladder.rungs[rung]}
    for (_, _, one, i), (_, _, other, j) in itertools.combinations(steps, 2):
        if one is not other:
            yield {one.constant.key: one.rungs[i], other.constant.key: other.rungs[j]}
