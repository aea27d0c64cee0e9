"""A journal that ends anywhere in its last record is a journal without that record."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.state import SessionState
from tests.faults.conftest import Watched
from tests.faults.instant import BetterEachTime, InstantExecutor
from tests.workshop import ScriptedAgent, Workshop

RECORDS_OF_A_LIFE = 10
"""From one proposal to the next."""


def resumed(path: Path) -> SessionState:
    """Return the state that a lab takes up, which first opens the journal for writing."""
    Journal(path).close()
    return fold(JournalReader(path).read())


@pytest.fixture
async def lines(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the records of a night of a baseline, a keep and a discard."""
    monkeypatch.setattr("tests.workshop.LocalExecutor", InstantExecutor)
    await workshop.lab(ScriptedAgent(0.03, 0.5), max_experiments=3).run()
    return workshop.session.journal.read_bytes().splitlines(keepends=True)


def test_a_cut_at_any_byte_takes_the_last_record_and_no_other(
    lines: list[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    for count in range(1, len(lines) + 1):
        whole, last = b"".join(lines[: count - 1]), lines[count - 1]
        path.write_bytes(whole)
        without = resumed(path)
        for cut in range(len(last) - 1):
            path.write_bytes(whole + last[:cut])
            assert resumed(path) == without
        # Where its end alone is missing, it is whole.
        path.write_bytes(whole + last[:-1])
        one_byte_short = resumed(path)
        path.write_bytes(whole + last)
        assert one_byte_short == resumed(path) != without


@pytest.mark.parametrize("cut", ["half", "a byte", "all but its end"])
async def test_a_night_whose_journal_was_cut_goes_on(
    workshop: Workshop, watched: Watched, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Git is as it was after the last record, and so ahead of a journal that lost it."""
    monkeypatch.setattr("tests.workshop.LocalExecutor", InstantExecutor)
    journal, cut_off = workshop.session.journal, set[str]()
    for records in range(RECORDS_OF_A_LIFE):
        lab = workshop.lab(BetterEachTime())
        with monkeypatch.context() as patch, contextlib.suppress(OSError):
            patch.setattr(Journal, "append", failing_after(records))
            await lab.run()
        *whole, last = journal.read_bytes().splitlines(keepends=True)
        cut_off.add(json.loads(last)["kind"])
        kept = {"half": len(last) // 2, "a byte": 1, "all but its end": len(last) - 1}[cut]
        journal.write_bytes(b"".join(whole) + last[:kept])
        judged = watched.state().judged_count
        end = await workshop.lab(BetterEachTime(), max_experiments=judged + 1).run()
        assert end.finished, end.reason
        assert watched.lost() == watched.wrong() == watched.touched() == []
        watched.remember()
    assert cut_off >= {"lab_started", "proposed", "run_ended", "evaluated", "judged"}


def failing_after(records: int) -> Callable[[Journal, KnownFact], None]:
    """Return a way to append that fails for good once so many records were written."""
    append, left = Journal.append, [None] * records

    def appending(journal: Journal, fact: KnownFact) -> None:
        if not left:
            raise OSError
        left.pop()
        append(journal, fact)

    return appending
