"""What past experiments say about the constants, read from the session's state and files."""

import ast
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoresearch_tui.agents import constants
from autoresearch_tui.agents.base import Archive, Context, Past
from autoresearch_tui.agents.constants import Constant, Value
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status

LEARNED_FROM = 1000
"""How many experiments are learned from, the latest; none is proposed again, however old."""
TEMPLATES_KEPT = 8
"""Scripts that others are compared with before they are parsed."""

_MEASURED = {Status.KEEP, Status.DISCARD}
_FAILED = {Status.CRASH, Status.TIMEOUT, Status.INVALID, Status.PRUNED}
_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemory|MemoryError|can(?:not| not|'t) allocate memory|SIGKILL",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one experiment taught."""

    values: Mapping[str, Value]
    """Of every constant, by key."""
    loss: float | None
    """Its metric, turned so that less is better; none where it failed."""
    moved: frozenset[str]
    """The constants that differ from its parent's."""
    paid: bool
    """Whether it was kept."""
    change: float | None
    """Of its metric against its parent's; negative is better, whichever way the metric goes."""
    out_of_memory: bool = False
    """Whether it failed for want of memory."""
    earlier: bool = False
    """Whether it is of an earlier session."""
    code: bytes = b""
    """A mark of all of its script but the constants."""


@dataclass(frozen=True, slots=True)
class _Script:
    """The constants of one `train.py`, and a mark of all the rest of it."""

    values: Mapping[str, Value]
    rest: bytes


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of an experiment for good."""

    commit: str
    rest: bytes
    """Empty where the script could not be read."""
    values: tuple[Value, ...]
    """In the order in which the script has them."""


_Key = tuple[str, int]
"""A session and an experiment's number."""
_Scripts = dict[_Key, tuple[str, _Script | None]]
"""With the commit."""


class _Template:
    """A script that was parsed, to read those by that differ from it in their values alone.

    Parsing takes milliseconds and most scripts of a night are the same but for a number or two, so
    a thousand of them are read in a moment.
    """

    _VALUE = r"(-?\d[\w.]*(?:[eE][+-]\d+)?(?: *\*\* *\d+)?|True|False|\"[^\"\\\n]*\"|'[^'\\\n]*')"

    def __init__(self, source: str, found: Sequence[Constant]) -> None:
        data, at = source.encode(), 0
        self._found = found
        pattern = ""
        for each in found:
            pattern += re.escape(data[at : each.start].decode()) + self._VALUE
            at = each.end
        self._pattern = re.compile(pattern + re.escape(data[at:].decode()))
        self.script = _script(source, found)

    def read(self, source: str) -> _Script | None:
        """Return what a script says; none where more than its values differs."""
        match = self._pattern.fullmatch(source)
        if match is None:
            return None
        values: dict[str, Value] = {}
        for each, literal in zip(self._found, match.groups(), strict=True):
            value = _value(literal)
            if value is None or isinstance(value, str) is not isinstance(each.value, str):
                return None
            if isinstance(value, str) and value not in each.choices:
                return None
            values[each.key] = value
        return _Script(values, self.script.rest)


@functools.lru_cache(maxsize=4096)
def _value(literal: str) -> Value | None:
    try:
        return constants.value_of(ast.parse(literal, mode="eval").body)
    except SyntaxError:
        return None


class TrialReader:
    """Reads each experiment's `train.py` once a commit: what was run does not change.

    It keeps all of what it learns from, and of older experiments no more than a row of values.
    """

    def __init__(self) -> None:
        self._scripts: _Scripts = {}
        self._scripts_before: _Scripts = {}
        """Those of the last proposal."""
        self._rows: dict[_Key, _Row] = {}
        self._values: dict[tuple[type, Value], Value] = {}
        """Each value once, however many rows hold it."""
        self._templates: list[_Template] = []

    def trials(self, context: Context, movable: Sequence[Ladder]) -> list[Trial]:
        """Return the experiments that were measured or failed, and have all these constants.

        Those of earlier sessions come first. One that a person ended or refused taught nothing
        about its constants.
        """
        self._scripts_before, self._scripts = self._scripts, {}
        keys = [ladder.constant.key for ladder in movable]
        here = Past(context.state, context.archive)
        return [
            trial
            for past in (*context.earlier(), here)
            for trial in self._of(past, keys, earlier=past is not here)
        ][-LEARNED_FROM:]

    def _of(self, past: Past, keys: Sequence[str], *, earlier: bool) -> list[Trial]:
        found: list[Trial] = []
        for experiment in _latest(past.state):
            if experiment.status not in _MEASURED | _FAILED:
                continue
            script = self._script(past, experiment)
            if script is None or not script.values.keys() >= set(keys):
                continue
            parent = past.state.experiments.get(
                -1 if experiment.parent is None else experiment.parent
            )
            before = None if parent is None else self._script(past, parent)
            moved = frozenset(
                key for key in keys if before and before.values.get(key) != script.values[key]
            )
            turn = -past.state.direction.gain(1.0)
            measured = experiment.status in _MEASURED
            loss = experiment.val_bpb if measured else None
            change = experiment.change if measured else None
            found.append(
                Trial(
                    values=script.values,
                    loss=None if loss is None else turn * loss,
                    moved=moved,
                    paid=experiment.status is Status.KEEP,
                    change=None if change is None else turn * change,
                    out_of_memory=_ran_out_of_memory(experiment, past.archive),
                    earlier=earlier,
                    code=script.rest,
                )
            )
        return found

    def tried(self, context: Context, movable: Sequence[Ladder]) -> set[tuple[Value, ...]]:
        """Return the values, in the ladders' order, that were proposed in this very script."""
        present = self.read(context.train)
        here = Past(context.state, context.archive)
        keys = [ladder.constant.key for ladder in movable]
        tried: set[tuple[Value, ...]] = {tuple(ladder.constant.value for ladder in movable)}
        if present is None:
            return tried
        order = list(present.values)
        places = [order.index(key) for key in keys]
        for experiment in context.state.experiments.values():
            row = self._row(here, experiment)
            if row.rest == present.rest:
                tried.add(tuple(row.values[place] for place in places))
        return tried

    def _row(self, past: Past, experiment: Experiment) -> _Row:
        key, commit = (past.state.session_id, experiment.number), experiment.commit
        known = self._rows.get(key)
        if known is None or known.commit != commit:
            script = self._script(past, experiment)
            values = script.values.values() if script else ()
            known = self._rows[key] = _Row(
                commit,
                script.rest if script else b"",
                tuple(self._values.setdefault((type(value), value), value) for value in values),
            )
        return known

    def _script(self, past: Past, experiment: Experiment) -> _Script | None:
        key, commit = (past.state.session_id, experiment.number), experiment.commit
        known = self._scripts.get(key) or self._scripts_before.get(key)
        if known is None or known[0] != commit:
            known = (commit, self.read(past.archive.train(experiment.number)))
        self._scripts[key] = known
        return known[1]

    def read(self, source: str) -> _Script | None:
        """Return what a script says; none where it is missing or does not parse."""
        for template in self._templates:
            if script := template.read(source):
                return script
        try:
            found = constants.find(source)
        except SyntaxError:
            return None
        template = _Template(source, found)
        self._templates = [template, *self._templates][:TEMPLATES_KEPT]
        return template.script


def _ran_out_of_memory(experiment: Experiment, archive: Archive) -> bool:
    """Return whether a crash was one for want of memory, by what was recorded of it."""
    if experiment.status is not Status.CRASH:
        return False
    if _OUT_OF_MEMORY.search(experiment.reason):
        return True
    return bool(_OUT_OF_MEMORY.search(archive.output_tail(experiment.number)))


def _latest(state: SessionState) -> list[Experiment]:
    return list(state.experiments.values())[-LEARNED_FROM:]


def _script(source: str, found: Sequence[Constant]) -> _Script:
    data, rest, at = source.encode(), hashlib.sha256(), 0
    for constant in found:
        rest.update(data[at : constant.start] + b"\0")
        at = constant.end
    rest.update(data[at:])
    return _Script({constant.key: constant.value for constant in found}, rest.digest())
