"""The table of results is the same, row by row as the night goes or written at once."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab import notebook
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import apply, fold
from autoresearch_tui.record.vocabulary import Status
from tests.record.test_fold import proposed


@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_a_row_added_and_the_table_written_anew_are_alike(order: list[int], lost: set[int]) -> None:
    state = fold(proposed(1.0, number, None) for number in range(4))
    with tempfile.TemporaryDirectory() as folder:
        added, written = Path(folder) / "added.tsv", Path(folder) / "written.tsv"
        for number in order:
            refused = events.Rejected(at=2.0, experiment=number, by="me", reason="no")
            judged = events.Judged(
                at=3.0, experiment=number, status=Status.REJECTED, reason="no", commit=f"{number}"
            )
            if number in lost:
                added.unlink(missing_ok=True)
            apply(state, refused)
            apply(state, judged)
            notebook.add_result(added, state, state.experiments[number])
            notebook.write_results(written, state)
            assert added.read_text() == written.read_text()
