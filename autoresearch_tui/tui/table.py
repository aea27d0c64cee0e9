"""Which experiments the table shows, and in which order: pure functions of the state."""

import math
from collections.abc import Callable, Iterable
from enum import StrEnum

from autoresearch_tui.record.state import Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Direction, Status
from autoresearch_tui.tui.text import one_line

STATUS_ORDER = {status: place for place, status in enumerate(Status)}


class Column(StrEnum):
    """What the table is sorted by."""

    NUMBER = "number"
    METRIC = "metric"
    CHANGE = "change"
    STATUS = "verdict"
    TOOK = "took"
    MEMORY = "memory"
    TITLE = "title"
    AGENT = "agent"

    @property
    def next(self) -> "Column":
        """The column that the sort key goes on to."""
        columns = list(Column)
        return columns[(columns.index(self) + 1) % len(columns)]


def took_s(each: Experiment) -> float | None:
    """Return the seconds from an experiment's first process to its verdict."""
    if not each.runs or each.judged_at is None:
        return None
    return each.judged_at - each.runs[0].started_at


def matches(each: Experiment, query: str, word: str = "") -> bool:
    """Return whether an experiment has all the words of a query.

    A word is looked for in the title, the status, the agent and its model, whatever the case; one
    like `#12` names an experiment.

    Args:
        each: the experiment.
        query: words with spaces between them.
        word: how its status is named on the screen, where it has no verdict.
    """
    return _has_all(each.number, _hay(each, word), query.lower().split())


def _hay(each: Experiment, word: str) -> str:
    return f"{each.title}\n{each.status or word}\n{each.agent}\n{each.model or ''}".lower()


def _has_all(number: int, hay: str, wanted: list[str]) -> bool:
    return all(
        part[1:] == str(number) if part[0] == "#" and part[1:] else part in hay for part in wanted
    )


def ordered(
    experiments: Iterable[Experiment],
    column: Column,
    *,
    reverse: bool = False,
    direction: Direction = Direction.LOWER,
) -> list[int]:
    """Return the numbers of experiments in the order of a column.

    What has no verdict yet comes first, the newest of it on top. Then the newest, the best, the
    largest, or the first of the alphabet; `reverse` turns that around. What has nothing in the
    column comes last either way.
    """
    each_of = {each.number: each for each in experiments}
    opened = sorted((n for n, each in each_of.items() if each.status is None), reverse=True)
    # Among equals the newest comes first.
    judged = sorted((n for n, each in each_of.items() if each.status is not None), reverse=True)
    if column is Column.NUMBER:
        return opened + (judged[::-1] if reverse else judged)
    value_of, largest_first = _values(column, direction)
    values = {number: value_of(each_of[number]) for number in judged}
    valued = [(value, n) for n, value in values.items() if value is not None]
    rest = [n for n, value in values.items() if value is None]
    valued.sort(key=lambda pair: pair[0], reverse=largest_first != reverse)
    return [*opened, *(number for _, number in valued), *rest]


def _values(
    column: Column, direction: Direction
) -> tuple[Callable[[Experiment], float | str | None], bool]:
    """Return what a column sorts by, and whether the largest comes first."""
    match column:
        case Column.NUMBER:
            return lambda each: each.number, True
        case Column.METRIC:
            return lambda each: _finite(each.val_bpb), direction is Direction.HIGHER
        case Column.CHANGE:
            return lambda each: _finite(each.change), direction is Direction.HIGHER
        case Column.STATUS:
            return lambda each: None if each.status is None else STATUS_ORDER[each.status], False
        case Column.TOOK:
            return took_s, True
        case Column.MEMORY:
            return _memory, True
        case Column.TITLE:
            return lambda each: one_line(each.title).lower(), False
        case Column.AGENT:
            return lambda each: one_line(each.agent).lower(), False


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _memory(each: Experiment) -> float | None:
    run = each.last_run
    return run.peak_memory_mb or None if run else None


class Listing:
    """The table's rows, kept until a fact, the query or the order changes them."""

    def __init__(self) -> None:
        """List all experiments, the newest first."""
        self.query = ""
        self.column = Column.NUMBER
        self.reverse = False
        self._numbers: list[int] = []
        self._key: tuple[object, ...] | None = None
        self._hays: dict[int, str] = {}
        """What is searched of experiments with a verdict, which stays as it is."""
        self._hays_of: SessionState | None = None

    def numbers(self, state: SessionState, word: Callable[[Experiment], str]) -> list[int]:
        """Return the numbers of the rows; `word` names the status of an experiment."""
        key = (id(state), state.facts, self.query, self.column, self.reverse)
        if key != self._key:
            self._key = key
            found = list(state.experiments.values())
            if self.query.strip():
                wanted = self.query.lower().split()
                found = [
                    each
                    for each in found
                    if _has_all(each.number, self._searched(state, each, word), wanted)
                ]
            self._numbers = ordered(
                found, self.column, reverse=self.reverse, direction=state.direction
            )
        return self._numbers

    def _searched(
        self, state: SessionState, each: Experiment, word: Callable[[Experiment], str]
    ) -> str:
        if self._hays_of is not state:
            self._hays_of = state
            self._hays.clear()
        if each.phase is not Phase.JUDGED:
            return _hay(each, word(each))
        hay = self._hays.get(each.number)
        if hay is None:
            hay = self._hays[each.number] = _hay(each, "")
        return hay
