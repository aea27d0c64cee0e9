"""Where a session stands, in lines that a person reads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record.events import Usage
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import Activity
from autoresearch_tui.report import summary
from autoresearch_tui.session import LabLife
from tests.tui.nights import Ending, make_night

LEDGERS = st.dictionaries(st.sampled_from(Activity), st.floats(0, 1e7))


@given(LEDGERS)
def test_the_ledger_is_a_table_that_sums(ledger: dict[Activity, float]) -> None:
    rows = summary.ledger_rows(ledger)
    spent = [name for name, seconds in ledger.items() if seconds > 0]
    assert len(rows) == len(spent) + bool(spent)
    assert len({len(row) for row in rows}) <= 1
    *parts, total = [float(row[:-1].split()[-1]) for row in rows] or [0.0]
    assert sum(parts) == pytest.approx(total, abs=0.05 * len(parts) + 1e-9)
    assert all(any(row.startswith(name) for row in rows) for name in spent)


@pytest.mark.parametrize("life", [LabLife.ALIVE, LabLife.DEAD])
def test_status_says_what_the_time_went_to(tmp_path: Path, life: LabLife) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    state = fold(JournalReader(made.session.journal).read())
    status = summary.status(made.session, state, life, made.now)
    lived = (made.now if life is LabLife.ALIVE else state.last_fact_at) - (state.started_at or 0.0)
    time = status[status.index("time ") :].splitlines()
    assert "training" in time[0]
    assert any("failed" in row for row in time)
    assert f"sum{summary.duration(lived):>29}" in status


def test_an_experiment_says_what_its_proposal_cost(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    each = fold(JournalReader(made.session.journal).read()).experiments[1]
    assert "proposal " not in summary.experiment(each)
    each.usage = Usage(seconds=4.0, input_tokens=100, cache_read_tokens=900, output_tokens=30)
    told = "proposal    4.0 s, 1,000 tokens read (900 from the cache), 30 written, no price"
    assert told in summary.experiment(each)
