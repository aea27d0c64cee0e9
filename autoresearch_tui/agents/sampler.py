"""Which constants to move next, and where to: Optuna's TPE in the few dimensions of one move.

A night has about a hundred trials and a script more than a dozen constants, most of which hardly
matter. So a move leaves most of them at the incumbent's values: one to three are drawn by Thompson
sampling from how often moving each of them paid, and a multivariate TPE fitted to all trials'
values of just these proposes where to put them.
"""

import itertools
import random
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence

import optuna

from autoresearch_tui.agents.constants import Value
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.trials import Trial

MOVES_WEIGHTS = {1: 0.6, 2: 0.3, 3: 0.1}
"""How often a proposal moves so many constants at once."""
ATTEMPTS = 24
"""Samples asked for before the nearest untried move is taken instead."""

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Optuna 4 calls the multivariate sampler experimental, and says so at every proposal.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def suggest(
    ladders: Sequence[Ladder],
    trials: Sequence[Trial],
    tried: Collection[tuple[Value, ...]],
    seed: int,
    wish: Mapping[str, int] | None = None,
) -> dict[str, Value] | None:
    """Return the constants to move and their new values; none if every move was tried.

    Args:
        ladders: one for each constant, around the incumbent's values.
        trials: the past experiments that have all these constants.
        tried: the values, in the ladders' order, that must not come again.
        seed: the same seed and trials give the same move.
        wish: restricts the constants (by key) and, with 1 or -1, the way they go.
    """
    rng = random.Random(seed)
    present = {ladder.constant.key: ladder.constant.value for ladder in ladders}
    movable = [ladder for ladder in ladders if not wish or ladder.constant.key in wish]

    def is_new(move: dict[str, Value]) -> bool:
        values = tuple(move.get(key, value) for key, value in present.items())
        return bool(move) and values not in tried

    for attempt in range(ATTEMPTS):
        chosen = _choose(movable, trials, rng)
        move = _sample(chosen, trials, seed + attempt, wish or {})
        if is_new(move):
            return move
    return next(filter(is_new, _neighbours(movable, wish or {}, rng)), None)


def _choose(movable: Sequence[Ladder], trials: Sequence[Trial], rng: random.Random) -> list[Ladder]:
    """Draw the constants to move: those whose moves paid, and those hardly moved, more often."""

    def draw(ladder: Ladder) -> float:
        moved = [trial.paid for trial in trials if ladder.constant.key in trial.moved]
        return rng.betavariate(1 + sum(moved), 1 + len(moved) - sum(moved))

    (count,) = rng.choices(list(MOVES_WEIGHTS), list(MOVES_WEIGHTS.values()))
    return sorted(movable, key=draw, reverse=True)[:count]


def _sample(
    chosen: Sequence[Ladder], trials: Sequence[Trial], seed: int, wish: Mapping[str, int]
) -> dict[str, Value]:
    """Ask TPE for values of the chosen constants, and return those that differ from the present."""
    bounds = {ladder.constant.key: _bounds(ladder, wish) for ladder in chosen}
    space: dict[str, optuna.distributions.BaseDistribution] = {
        key: optuna.distributions.IntDistribution(low, high) for key, (low, high) in bounds.items()
    }
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, multivariate=True, n_startup_trials=1)
    study = optuna.create_study(sampler=sampler)
    losses = [trial.loss for trial in trials if trial.loss is not None]
    # TPE looks at ranks alone, so anything above the worst marks a failure as bad; a trial told as
    # failed would be passed over, and the same crash proposed again.
    penalty = max(losses, default=0.0) + 1.0
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={
                    ladder.constant.key: _clamp(
                        ladder.nearest(trial.values[ladder.constant.key]),
                        bounds[ladder.constant.key],
                    )
                    for ladder in chosen
                },
                distributions=space,
                value=penalty if trial.loss is None else trial.loss,
            )
            for trial in trials
        ]
    )
    asked = study.ask(space).params
    return {
        ladder.constant.key: ladder.rungs[asked[ladder.constant.key]]
        for ladder in chosen
        if asked[ladder.constant.key] != ladder.present
    }


def _bounds(ladder: Ladder, wish: Mapping[str, int]) -> tuple[int, int]:
    """Return the lowest and the highest rung that may be proposed."""
    present, top = ladder.present, len(ladder.rungs) - 1
    match wish.get(ladder.constant.key, 0):
        case 1:
            return min(present + 1, top), top
        case -1:
            return 0, max(present - 1, 0)
        case _:
            return 0, top


def _clamp(rung: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return min(max(rung, low), high)


def _neighbours(
    movable: Sequence[Ladder], wish: Mapping[str, int], rng: random.Random
) -> Iterator[dict[str, Value]]:
    """Yield all moves of one constant, then of two, the smallest steps first."""
    steps: list[tuple[int, float, Ladder, int]] = []
    for ladder in movable:
        low, high = _bounds(ladder, wish)
        steps += [
            (abs(rung - ladder.present), rng.random(), ladder, rung)
            for rung in range(low, high + 1)
            if rung != ladder.present
        ]
    steps.sort(key=lambda step: step[:2])
    for _, _, ladder, rung in steps:
        yield {ladder.constant.key: ladder.rungs[rung]}
    for (_, _, one, i), (_, _, other, j) in itertools.combinations(steps, 2):
        if one is not other:
            yield {one.constant.key: one.rungs[i], other.constant.key: other.rungs[j]}
