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
    """Reads each experiment's `train.py` once: what was run does not change."""

    def __init__(self) -> None:
        self._scripts: dict[int, _Script | None] = {}

    def trials(self, context: Context, movable: Sequence[Ladder]) -> list[Trial]:
        """Return the experiments that were measured or failed, and have all these constants.

        One that a person ended or refused taught nothing about its constants.
        """
        keys = [ladder.constant.key for ladder in movable]
        found: list[Trial] = []
        for experiment in context.state.experiments.values():
            if experiment.status not in _MEASURED | _FAILED:
                continue
            script = self._script(context.archive, experiment.number)
            if script is None or not script.values.keys() >= set(keys):
                continue
            turn = -context.state.direction.gain(1.0)
            found.append(self._trial(context.archive, experiment, script, keys, turn))
        return found

    def tried(self, context: Context, movable: Sequence[Ladder]) -> set[tuple[Number, ...]]:
        """Return the values, in the ladders' order, that were proposed in this very script."""
        present = _read(context.train)
        keys = [ladder.constant.key for ladder in movable]
        tried = {tuple(ladder.constant.value for ladder in movable)}
        for number in context.state.experiments:
            script = self._script(context.archive, number)
            if script and present and script.rest == present.rest:
                tried.add(tuple(script.values[key] for key in keys))
        return tried

    def _trial(
        self,
        archive: Archive,
        experiment: Experiment,
        script: _Script,
        keys: Sequence[str],
        turn: float,
    ) -> Trial:
        """Return what an experiment taught; `turn` is -1 where more is better."""
        parent = None
        if experiment.parent is not None:
            parent = self._script(archive, experiment.parent)
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

    def _script(self, archive: Archive, number: int) -> _Script | None:
        if number not in self._scripts:
            self._scripts[number] = _read(archive.train(number))
        return self._scripts[number]


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
