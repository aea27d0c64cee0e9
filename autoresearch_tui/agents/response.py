"""How the metric answers to each constant: a sum of smooth curves, one a constant.

A Gaussian process whose kernel is a sum over constants, fitted to all trials at once, so that a run
which moved five constants teaches something of each. How much each constant matters, and how large
the noise is, are those that make the trials most probable (with a prior: most matter little). A
curve is smooth over doublings; a choice without an order has a value of its own for each option.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.trials import Trial

MOST_TRIALS = 160
"""Fitted to: half the best, half the latest. The time goes with the cube."""
SMOOTH_OVER = 2.0
"""Doublings over which a curve bends."""
SWEEPS = 2
"""Over the constants, to find how much each matters."""

_MATTERS = (0.05, 0.15, 0.4, 1.0)
_NOISES = (0.03, 0.06, 0.12, 0.25)
"""Looked at as shares of the spread of all losses."""
_USUAL_MATTER, _USUAL_NOISE = 0.4, 0.1

Array = NDArray[np.float64]


class Response:
    """The curves, given some trials; what is not known is drawn anew at each `draw`."""

    def __init__(self, ladders: Sequence[Ladder], trials: Sequence[Trial]) -> None:
        """Fit; a trial that failed counts as somewhat worse than the worst that did not.

        One that ran out of memory is left out: that is no fault of each constant that it moved.
        """
        self._ladders = ladders
        chosen = _chosen([trial for trial in trials if not trial.out_of_memory])
        losses = [trial.loss for trial in chosen if trial.loss is not None]
        spread = float(np.std(losses)) if losses else 0.0
        self._spread = spread or 1.0
        bad = max(losses, default=0.0) + self._spread
        self._losses = np.array([bad if t.loss is None else t.loss for t in chosen])
        self._mean = float(self._losses.mean()) if chosen else 0.0
        # Scripts that differ in more than constants may differ by any amount.
        codes = [trial.code for trial in chosen]
        level = np.array([[1.0 + (one == other) for other in codes] for one in codes])
        self._level = (2 * self._spread) ** 2 * level.reshape(len(chosen), len(chosen))
        self._places = [
            np.array([ladder.place(trial.values[ladder.constant.key]) for trial in chosen])
            for ladder in ladders
        ]
        alike = [
            _alike(ladder, places, places)
            for ladder, places in zip(ladders, self._places, strict=True)
        ]
        self._matter, self._noise = self._fit(alike)
        self._draw_from = self._posterior(alike)

    def draw(self, seed: int, heat: float = 1.0) -> list[Array]:
        """Return one possible curve a ladder, over its rungs; less is better, by the metric.

        With less `heat` it keeps nearer to what is expected.
        """
        mean, root = self._draw_from
        standard = np.random.default_rng(seed).standard_normal(len(mean))
        return np.split(mean + heat * (root @ standard), self._ends())

    def expected(self) -> list[Array]:
        """Return the mean curve of each ladder, over its rungs."""
        return np.split(self._draw_from[0], self._ends())

    def _ends(self) -> list[int]:
        return list(np.cumsum([len(ladder.rungs) for ladder in self._ladders]))[:-1]

    def _fit(self, alike: Sequence[Array]) -> tuple[list[float], float]:
        """Return how much each constant matters and the noise: climbing from the usual."""
        losses = self._losses - self._mean
        matter, noise = [_USUAL_MATTER] * len(alike), _USUAL_NOISE
        best = self._misfit(losses, alike, matter, noise)
        for _ in range(SWEEPS if len(losses) > 1 else 0):
            for share in _NOISES:
                misfit = self._misfit(losses, alike, matter, share)
                if misfit < best:
                    best, noise = misfit, share
            for index in range(len(alike)):
                for share in _MATTERS:
                    other = [*matter[:index], share, *matter[index + 1 :]]
                    misfit = self._misfit(losses, alike, other, noise)
                    if misfit < best:
                        best, matter = misfit, other
        return matter, noise

    def _misfit(
        self, losses: Array, alike: Sequence[Array], matter: Sequence[float], noise: float
    ) -> float:
        """Return minus the log of the trials' probability, and of the shares', up to a constant."""
        try:
            lower = np.linalg.cholesky(self._covariance(alike, matter, noise))
        except np.linalg.LinAlgError:
            return math.inf
        white = np.linalg.solve(lower, losses)
        unusual = sum(math.log(share / _USUAL_MATTER) ** 2 for share in matter)
        unusual += math.log(noise / _USUAL_NOISE) ** 2
        return float(white @ white + unusual) / 2 + float(np.log(np.diag(lower)).sum())

    def _covariance(self, alike: Sequence[Array], matter: Sequence[float], noise: float) -> Array:
        total = self._level + (noise * self._spread) ** 2 * np.eye(len(self._losses))
        for share, each in zip(matter, alike, strict=True):
            total = total + (share * self._spread) ** 2 * each
        return total

    def _posterior(self, alike: Sequence[Array]) -> tuple[Array, Array]:
        """Return the mean of all curves' rungs, one after another, and a root of their spread."""
        count = sum(len(ladder.rungs) for ladder in self._ladders)
        to_trials, among = np.zeros((count, len(self._losses))), np.zeros((count, count))
        at = 0
        for ladder, places, share in zip(self._ladders, self._places, self._matter, strict=True):
            rungs = np.array([ladder.place(rung) for rung in ladder.rungs])
            own, scale = slice(at, at + len(rungs)), (share * self._spread) ** 2
            to_trials[own] = scale * _alike(ladder, rungs, places)
            among[own, own] = scale * _alike(ladder, rungs, rungs)
            at += len(rungs)
        if not len(self._losses):
            return np.zeros(count), _root(among)
        covariance = self._covariance(alike, self._matter, self._noise)
        weights = np.linalg.solve(covariance, to_trials.T).T
        return weights @ (self._losses - self._mean), _root(among - weights @ to_trials.T)


def _alike(ladder: Ladder, places: Array, others: Array) -> Array:
    """Return how much two places of a constant tell of each other: 1 is all, 0 nothing."""
    away = places[:, None] - others[None, :]
    if not ladder.is_ordered:
        return (away == 0).astype(np.float64)
    return np.exp(-0.5 * (away / SMOOTH_OVER) ** 2)


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return vectors * np.sqrt(np.clip(values, 0.0, None))


def _chosen(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials to fit to, in their order."""
    if len(trials) <= MOST_TRIALS:
        return list(trials)
    older = trials[: -MOST_TRIALS // 2]
    by_loss = sorted(
        range(len(older)), key=lambda i: math.inf if (loss := older[i].loss) is None else loss
    )
    best = sorted(by_loss[: MOST_TRIALS // 2])
    return [*(older[i] for i in best), *trials[-MOST_TRIALS // 2 :]]
