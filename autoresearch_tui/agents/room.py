"""Where memory ends, as far as runs that ran out of it tell."""

from collections.abc import Mapping, Sequence

from autoresearch_tui.agents.constants import Value
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.trials import Trial


class MemoryRoom:
    """Which values of the whole numbers (widths, depths, rows) are known to be too large together.

    What is at least as large in each of them as a run that ran out of memory would run out of it
    too, unless a run that was as large in each of them went well: the two are then told apart by
    something else.
    """

    def __init__(self, ladders: Sequence[Ladder], trials: Sequence[Trial]) -> None:
        self._keys = [
            ladder.constant.key
            for ladder in ladders
            if isinstance(ladder.constant.value, int)
            and not isinstance(ladder.constant.value, bool)
        ]
        fitted = [trial.values for trial in trials if trial.loss is not None]
        self._too_large = [
            trial.values
            for trial in trials
            if trial.out_of_memory and not any(self._covers(good, trial.values) for good in fitted)
        ]

    def _covers(self, values: Mapping[str, Value], others: Mapping[str, Value]) -> bool:
        """Return whether values are at least as large as others in every size."""
        return all(_size(values[key]) >= _size(others[key]) for key in self._keys)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Return whether nothing says that these values, by key, are too large."""
        return not (self._keys and any(self._covers(values, known) for known in self._too_large))


def _size(value: Value) -> float:
    return 0.0 if isinstance(value, str) else value
