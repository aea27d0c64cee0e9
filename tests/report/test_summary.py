"""Where a session stands, in lines that a person reads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.fold import apply, fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import Activity
from autoresearch_tui.record.vocabulary import Absence, Level, Usage
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


def test_status_says_what_holds_a_night_up_and_what_ends_it(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    state = fold(JournalReader(made.session.journal).read())
    now = max(made.now, state.last_fact_at)
    state.limits = {"experiments": "50", "it is 07:00": "2026-11-29T07:00+00:00", "target": "0.9"}
    state.contestants = [state.agent or "", "another"]
    state.tokens_spent, state.cost_usd, state.unpriced_tokens = 1234, 0.5, 34
    for fact in (
        events.BackedOff(at=now, reason="the device does not answer", until=now + 60),
        events.Notice(at=now, level=Level.ERROR, text="10 experiments gave no result"),
        events.Notice(at=now, level=Level.INFO, text="all is well"),
    ):
        apply(state, fact)
    status = summary.status(made.session, state, LabLife.ALIVE, now)
    for line in (
        "waits       60 s: the device does not answer",
        "notice      10 experiments gave no result",
        f"agents      {state.agent}, another",
        "limits      50 experiments, until Sunday 07:00, a val_bpb of 0.9",
        "cost        0.50 US dollars, 1,234 tokens, 34 of them without a price",
    ):
        assert line in status


def test_status_says_what_comes_of_an_edit_if_nobody_decides(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.APPROVAL)
    state = fold(JournalReader(made.session.journal).read())
    waiting, now = state.waiting, max(made.now, state.last_fact_at)
    assert waiting is not None
    waiting.decide_at, waiting.then = now + 90, Absence.REJECT
    status = summary.status(made.session, state, LabLife.ALIVE, now)
    assert f"reject #{waiting.number} in 90 s, if nobody decides" in status
