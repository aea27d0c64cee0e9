"""The journal: the facts of a session on disk, in the order in which they happened."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact, KnownFact
from autoresearch_tui.record.lines import LineTail, LineWriter


class Journal:
    """The lab's end of the journal: a fact is on the disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        """Open the journal at `path` for appending; it is made where there is none."""
        self._writer = LineWriter(path, durable=True)

    def append(self, fact: KnownFact) -> None:
        """Write the fact and wait for the disk.

        Raises:
            OSError: the disk is full or gone; the journal is as it was before.
        """
        self._writer.write(events.encode(fact))

    def is_as_left(self) -> bool:
        """Return whether nobody else wrote to the journal or put something in its place."""
        return self._writer.is_as_left()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class JournalReader:
    """A viewer's end of the journal: the facts since the last read, while it grows."""

    def __init__(self, path: Path) -> None:
        """Read the journal at `path`, which need not exist yet."""
        self._tail = LineTail(path)
        self.unreadable_lines = 0
        """Lines that held no fact: torn by a crash, or damaged."""

    def read(self) -> Iterator[AnyFact]:
        """Yield the facts written since the last call."""
        while lines := self._tail.read():
            for line in lines:
                try:
                    yield events.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    self.unreadable_lines += 1
