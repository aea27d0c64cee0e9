"""What past experiments say about the constants, read from the session's state and files."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoresearch_tui.agents import constants
from autoresearch_tui.agents.base import Archive, Context
from autoresearch_tui.agents.constants import Number
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.record.events import Status
from autoresearch_tui.record.state import Experiment

LEARNED_FROM = 1000
"""How many experiments are looked at, the latest. Reading one takes about 10 ms, once a lab."""

_MEASURED = {Status.KEEP, Status.DISCARD}
_FAILED = {Status.CRASH, Status.TIMEOUT, Status.INVALID, Status.PRUNED}


@dataclass(frozen=True, slots=True)
class Trial:
    """What one experiment taught."""

    values: Mapping[str, Number]
    """Of every constant, by key."""
    loss: float | None
    """Its metric, turned so that less is better; none where it failed."""
    moved: frozenset[str]
    """The constants that differ from its parent's."""
    paid: bool
    """Whether it was kept."""
    change: float | None
    """Of its metric against its parent's; negative is better, whichever way the metric goes."""


@dataclass(frozen=True, slots=True)
class _Script:
    """The constants of one `train.py`, and a mark of all the rest of it."""

    values: Mapping[str, Number]
    rest: bytes


class TrialReader:
    """Reads each experiment's `train.py` once a commit: what was run does not change."""

    def __init__(self) -> None:
        self._scripts: dict[int, tuple[str, _Script | None]] = {}

    def trials(self, context: Context, movable: Sequence[Ladder]) -> list[Trial]:
        """Return the experiments that were measured or failed, and have all these constants.

        One that a person ended or refused taught nothing about its constants.
        """
        keys = [ladder.constant.key for ladder in movable]
        found: list[Trial] = []
        for experiment in _latest(context):
            if experiment.status not in _MEASURED | _FAILED:
                continue
            script = self._script(context.archive, experiment)
            if script is None or not script.values.keys() >= set(keys):
                continue
            parent = context.state.experiments.get(
                -1 if experiment.parent is None else experiment.parent
            )
            before = None if parent is None else self._script(context.archive, parent)
            turn = -context.state.direction.gain(1.0)
            found.append(_trial(experiment, script, before, keys, turn))
        return found

    def tried(self, context: Context, movable: Sequence[Ladder]) -> set[tuple[Number, ...]]:
        """Return the values, in the ladders' order, that were proposed in this very script."""
        present = _read(context.train)
        keys = [ladder.constant.key for ladder in movable]
        tried = {tuple(ladder.constant.value for ladder in movable)}
        for experiment in _latest(context):
            script = self._script(context.archive, experiment)
            if script and present and script.rest == present.rest:
                tried.add(tuple(script.values[key] for key in keys))
        return tried

    def _script(self, archive: Archive, experiment: Experiment) -> _Script | None:
        number, commit = experiment.number, experiment.commit
        known = self._scripts.get(number)
        if known is None or known[0] != commit:
            known = self._scripts[number] = (commit, _read(archive.train(number)))
        return known[1]


def _trial(
    experiment: Experiment,
    script: _Script,
    parent: _Script | None,
    keys: Sequence[str],
    turn: float,
) -> Trial:
    """Return what an experiment taught; `turn` is -1 where more is better."""
    moved = frozenset(
        key for key in keys if parent and parent.values.get(key) != script.values[key]
    )
    measured = experiment.status in _MEASURED
    loss = experiment.val_bpb if measured else None
    change = experiment.change if measured else None
    return Trial(
        values=script.values,
        loss=None if loss is None else turn * loss,
        moved=moved,
        paid=experiment.status is Status.KEEP,
        change=None if change is None else turn * change,
    )


def _latest(context: Context) -> list[Experiment]:
    return list(context.state.experiments.values())[-LEARNED_FROM:]


def _read(source: str) -> _Script | None:
    """Return what a script says; none where it is missing or does not parse."""
    try:
        found = constants.find(source)
    except SyntaxError:
        return None
    data, rest, at = source.encode(), hashlib.sha256(), 0
    for constant in found:
        rest.update(data[at : constant.start] + b"\0")
        at = constant.end
    rest.update(data[at:])
    return _Script({constant.key: constant.value for constant in found}, rest.digest())
