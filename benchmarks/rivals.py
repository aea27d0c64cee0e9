"""Who searches a night's constants: the agent tpe, and what it is measured against."""

import asyncio
import random
from collections.abc import Callable

import optuna

from autoresearch_tui.agents import constants
from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.tpe import TpeAgent, movable
from autoresearch_tui.record.samples import ThoughtKind
from benchmarks.landscape import SCRIPT, Night, number

Propose = Callable[[Night, int], str | None]
"""Returns the next script of a night, by a seed; none where there is none left."""


def tpe_ladders(source: str) -> list[Ladder]:
    """Return what tpe may set the constants of a script to."""
    return movable(source, "cpu")[0]


def tpe() -> Propose:
    """Return the agent of a real night."""
    agent = TpeAgent()

    def propose(night: Night, seed: int) -> str | None:
        try:
            return asyncio.run(agent.propose(night.context(seed), _think)).train
        except ProposalError:
            return None

    return propose


def _think(kind: ThoughtKind, text: str) -> None:
    """Listen to nothing."""


def random_search() -> Propose:
    """Return what draws every constant anew, from all that tpe may set it to."""

    def propose(night: Night, seed: int) -> str:  # noqa: ARG001
        rng = random.Random(seed)
        return constants.rewrite(SCRIPT, drawn(rng))

    return propose


def random_moves() -> Propose:
    """Return what moves one to three constants of the incumbent at random: a harder rival."""

    def propose(night: Night, seed: int) -> str:
        rng = random.Random(seed)
        ladders = tpe_ladders(night.incumbent)
        moved = rng.sample(ladders, rng.choice([1, 2, 3]))
        return constants.rewrite(
            night.incumbent, {each.constant.key: rng.choice(each.rungs) for each in moved}
        )

    return propose


def drawn(rng: random.Random) -> dict[str, constants.Value]:
    """Draw every constant from the values around the script's own, heads that fit the width."""
    ladders = tpe_ladders(SCRIPT)
    while True:
        values = {each.constant.key: rng.choice(each.rungs) for each in ladders}
        if number(values["WIDTH"]) % number(values["HEAD_WIDTH"]) == 0:
            return values


class OptunaTpe:
    """Optuna's own TPE over all constants at once, each a place on its ladder.

    A run that fails is told as worse than all others: one that is told as failed is forgotten, and
    proposed again.
    """

    WORSE = 0.1
    """By how much, in bits per byte."""

    def __init__(self) -> None:
        self._ladders = tpe_ladders(SCRIPT)
        self._study: optuna.Study | None = None
        self._asked: optuna.trial.Trial | None = None

    def __call__(self, night: Night, seed: int) -> str:
        """Tell what became of the last script, and ask for another one."""
        if self._study is None:
            self._study = self._begun(night, seed)
        elif self._asked is not None:
            self._study.tell(self._asked, self._loss(night, len(night.trains) - 1))
        self._asked = trial = self._study.ask()
        places = [
            trial.suggest_int(each.constant.key, 0, len(each.rungs) - 1)
            if each.is_ordered
            else trial.suggest_categorical(each.constant.key, range(len(each.rungs)))
            for each in self._ladders
        ]
        moved = {
            each.constant.key: each.rungs[place]
            for each, place in zip(self._ladders, places, strict=True)
        }
        return constants.rewrite(SCRIPT, moved)

    def _begun(self, night: Night, seed: int) -> optuna.Study:
        """Return a study that knows the script as it stands."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        study.enqueue_trial({each.constant.key: each.present for each in self._ladders})
        first = study.ask()
        for each in self._ladders:
            if each.is_ordered:
                first.suggest_int(each.constant.key, 0, len(each.rungs) - 1)
            else:
                first.suggest_categorical(each.constant.key, range(len(each.rungs)))
        study.tell(first, self._loss(night, 0))
        return study

    def _loss(self, night: Night, experiment: int) -> float:
        measured = [
            each.val_bpb for each in night.state.experiments.values() if each.val_bpb is not None
        ]
        loss = night.state.experiments[experiment].val_bpb
        return max(measured) + self.WORSE if loss is None else loss


RIVALS: dict[str, Callable[[], Propose]] = {
    "tpe": tpe,
    "Optuna's TPE": OptunaTpe,
    "random moves": random_moves,
    "random search": random_search,
}
