"""Counts what a proposal costs."""

import time
from dataclasses import dataclass, fields

from autoresearch_tui.agents.base import Spending
from autoresearch_tui.record.vocabulary import Usage

CHARACTERS_PER_TOKEN = 4
"""Of text that a model wrote, where nobody counted: a little more than English and code have."""
LARGEST_COUNT = 1 << 40
"""What a server tells beyond it is no count."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of requests. What was read from a cache or written to it is in no other count."""

    read: int = 0
    written: int = 0
    cache_read: int = 0
    cache_written: int = 0
    cache_written_1h: int = 0
    """Those among the ones written to a cache that stay there for an hour."""

    def __add__(self, other: "Counts") -> "Counts":
        names = [each.name for each in fields(self)]
        return Counts(*(getattr(self, name) + getattr(other, name) for name in names))


class Meter:
    """The tokens that a proposal used, also those of answers that broke off."""

    def __init__(self, spending: Spending | None = None) -> None:
        """Keep `spending` up to date, for whoever has to know of a proposal that never ends."""
        self._started = time.monotonic()
        self._spending = spending or Spending()
        self._finished = Counts()
        self._current = Counts()

    @property
    def output_tokens(self) -> int:
        """All that was written until now, thinking included."""
        return self._finished.written + self._current.written

    def begin(self) -> None:
        """Start counting another request."""
        self._finished += self._current
        self._current = Counts()

    def count(self, **told: object) -> None:
        """Take a request's totals so far, by the names of `Counts`.

        Those that are not told again, or are no counts, stay as they were.
        """
        names = [each.name for each in fields(Counts)]
        known = {name: _count(told.get(name), getattr(self._current, name)) for name in names}
        self._current = Counts(**known)
        self._tell()

    def heard(self, characters: int) -> None:
        """Take note of what was written so far of an answer whose end may never be told."""
        estimate = characters // CHARACTERS_PER_TOKEN
        if estimate > self._current.written:
            self.count(written=estimate)

    def _tell(self) -> None:
        self._spending.usage = self.usage()

    def usage(self) -> Usage:
        """Return what was used until now."""
        all_of_it = self._finished + self._current
        return Usage(
            seconds=time.monotonic() - self._started,
            input_tokens=all_of_it.read,
            output_tokens=all_of_it.written,
            cache_read_tokens=all_of_it.cache_read,
            cache_write_tokens=all_of_it.cache_written,
            cache_write_1h_tokens=all_of_it.cache_written_1h,
        )


def _count(told: object, known: int) -> int:
    if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < LARGEST_COUNT:
        return told
    return known
