"""The state is what the facts say, whatever order of reading they come in."""

import copy
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact, KnownFact, UnknownFact
from autoresearch_tui.record.fold import RULES, apply, fold
from autoresearch_tui.record.state import Activity, Phase, SessionState
from autoresearch_tui.record.vocabulary import ApprovalMode, DataSet, Hardware, RunOutcome, Status

HARDWARE = Hardware(device="cpu", name="a", cores=2, memory_mb=1, torch="2", python="3", host="h")
DATA = DataSet(name="d", profile="small", fingerprint="f")


def lab_started(at: float) -> events.LabStarted:
    return events.LabStarted(
        at=at, pid=7, version="0", agent="tpe", model=None, approval=ApprovalMode.AUTO,
        budget_s=20, hardware=HARDWARE, data=DATA,
    )  # fmt: skip


def proposed(at: float, number: int, parent: int | None) -> events.Proposed:
    return events.Proposed(
        at=at, experiment=number, parent=parent, commit=f"c{number}", title="t", hypothesis="h",
        expected_change=None, agent="tpe",
    )  # fmt: skip


def one_experiment(
    at: float, number: int, parent: int | None, status: Status, bpb: float
) -> list[AnyFact]:
    return [
        events.ProposalStarted(at=at, experiment=number, agent="tpe"),
        proposed(at + 1, number, parent),
        events.RunStarted(
            at=at + 2, experiment=number, replicate=0, seed=1, pid=9, threads=2, budget_s=20
        ),
        events.ClockStarted(at=at + 5, experiment=number, replicate=0, startup_s=3),
        events.RunEnded(
            at=at + 25, experiment=number, replicate=0, outcome=RunOutcome.TRAINED, reason=""
        ),
        events.Evaluated(
            at=at + 27, experiment=number, replicate=0, valid=True, reason=None, val_bpb=bpb
        ),
        events.Judged(
            at=at + 27, experiment=number, status=status, reason="r", commit=f"j{number}",
            val_bpb=bpb,
        ),
    ]  # fmt: skip


NIGHT: list[AnyFact] = [
    events.SessionStarted(at=0, tag="t", session_id="s", repository="/r", base_commit=None),
    lab_started(0),
    *one_experiment(0, 0, None, Status.KEEP, 2.0),
    *one_experiment(30, 1, 0, Status.DISCARD, 2.1),
    *one_experiment(60, 2, 0, Status.KEEP, 1.9),
]


def test_the_incumbent_is_the_last_keep() -> None:
    state = fold(NIGHT)
    assert state.incumbent == 2
    assert state.best is not None
    assert state.best.val_bpb == 1.9
    assert state.judged_count == 3
    assert state.status_counts == {Status.KEEP: 2, Status.DISCARD: 1}
    assert state.next_number == 3


def test_every_second_is_in_one_activity() -> None:
    state = fold(NIGHT)
    ledger = state.ledger_at(100)
    assert sum(ledger.values()) == 100
    assert ledger[Activity.TRAINING] == 3 * 20
    assert ledger[Activity.WAITING_FOR_AGENT] == 3 * 1
    assert ledger[Activity.STARTING] == 100 - 3 * (20 + 2 + 1)
    assert ledger[Activity.EVALUATING] == 3 * 2


def test_time_without_a_lab_counts_for_nothing() -> None:
    stopped = events.LabStopped(at=90, reason="a person stopped it")
    state = fold([*NIGHT, stopped, lab_started(5000)])
    assert sum(state.ledger_at(5010).values()) == 100


def test_time_after_a_lab_died_counts_for_nothing() -> None:
    state = fold([*NIGHT, lab_started(5000)])
    assert sum(state.ledger_at(5000).values()) == 87


def test_an_interrupted_run_is_queued_again() -> None:
    interrupted = events.RunEnded(
        at=40, experiment=1, replicate=0, outcome=RunOutcome.INTERRUPTED, reason="gone"
    )
    state = fold([*NIGHT[:13], interrupted])
    assert state.current is not None
    assert state.current.number == 1
    assert state.current.phase is Phase.QUEUED


def ahead(at: float) -> list[AnyFact]:
    """Return an experiment made ready behind #1, which trains until 55 and is judged at 57."""
    return [
        events.ProposalStarted(at=at, experiment=2, agent="tpe"),
        proposed(at, 2, 0),
        events.RunStarted(
            at=56, experiment=2, replicate=0, seed=1, pid=9, threads=2, budget_s=20
        ),
    ]  # fmt: skip


def test_the_current_experiment_is_the_oldest_open_one() -> None:
    first = one_experiment(30, 1, 0, Status.DISCARD, 2.1)
    before = [*NIGHT[:9], *first[:4]]
    *_, ended, evaluated, judged = first
    second = ahead(40)
    state = fold([*before, *second[:2]])
    assert state.current is state.experiments[1]
    assert state.ahead is state.experiments[2]
    assert state.activity is Activity.TRAINING
    state = fold([*before, *second[:2], ended, second[2]])
    assert state.activity is Activity.EVALUATING
    state = fold([*before, *second[:2], ended, second[2], evaluated, judged])
    assert state.current is state.experiments[2]
    assert state.ahead is None
    assert state.activity is Activity.STARTING
    assert sum(state.ledger_at(60).values()) == 60


def test_a_refused_experiment_leaves_the_one_in_flight_in_flight() -> None:
    rejected = events.Rejected(at=41, experiment=2, by="me", reason="no")
    judged = events.Judged(at=41, experiment=2, status=Status.REJECTED, reason="no", commit="j")
    first = one_experiment(30, 1, 0, Status.DISCARD, 2.1)
    state = fold([*NIGHT[:9], *first[:4], *ahead(40)[:2], rejected, judged])
    assert state.current is state.experiments[1]
    assert state.ahead is None


def test_a_keep_makes_edits_of_the_old_incumbent_stale() -> None:
    first = one_experiment(30, 1, 0, Status.KEEP, 1.9)
    asked = events.ProposalStarted(at=40, experiment=2, agent="tpe")
    state = fold([*NIGHT[:9], *first[:4], proposed(40, 2, 0), *first[4:]])
    assert state.is_stale(state.experiments[2])
    # What is being thought of meanwhile is waited for, and carried over.
    state = fold([*NIGHT[:9], *first[:4], asked, *first[4:]])
    assert state.activity is Activity.WAITING_FOR_AGENT


def test_a_gap_is_counted_between_clocks_of_one_lab() -> None:
    def night(at: float, number: int) -> list[AnyFact]:
        facts = one_experiment(at, number, None, Status.DISCARD, 2.0)
        ended = facts[4]
        assert isinstance(ended, events.RunEnded)
        facts[4] = msgspec.structs.replace(ended, clock_ended_at=at + 24)
        return facts

    state = fold([*NIGHT[:2], *night(0, 0), *night(30, 1), lab_started(60), *night(60, 2)])
    gaps = [experiment.runs[0].gap_s for experiment in state.experiments.values()]
    assert gaps == [None, 30 + 5 - 24, None]


def test_steering_goes_to_the_next_proposal_alone() -> None:
    steered = events.Steered(at=90, by="me", text="try width")
    given_to = events.ProposalStarted(at=91, experiment=3, agent="tpe", steering=["try width"])
    before, after = fold([*NIGHT, steered]), fold([*NIGHT, steered, given_to])
    assert before.pending_steering == ["try width"]
    assert after.pending_steering == []
    assert after.steering[0].experiment == 3


@given(st.integers(0, len(NIGHT)))
def test_folding_in_two_parts_is_folding_at_once(cut: int) -> None:
    state = fold(NIGHT[:cut])
    for fact in NIGHT[cut:]:
        apply(state, fact)
    assert state == fold(NIGHT)


@given(st.sets(st.integers(0, len(NIGHT) - 1)))
def test_missing_facts_do_no_harm(lost: set[int]) -> None:
    fold([fact for index, fact in enumerate(NIGHT) if index not in lost])


@given(st.permutations(NIGHT))
def test_facts_in_any_order_do_no_harm(facts: list[AnyFact]) -> None:
    state = fold(facts)
    assert all(seconds >= 0 for seconds in state.ledger_s.values())


def test_an_unknown_fact_changes_nothing_that_matters() -> None:
    state = fold(NIGHT)
    expected = copy.deepcopy(state)
    apply(state, UnknownFact(kind="new", at=state.last_fact_at))
    expected.facts += 1
    assert state == expected


def test_every_kind_of_fact_has_a_rule() -> None:
    assert set(RULES) == {*get_args(KnownFact), UnknownFact}


def test_no_facts_make_an_empty_state() -> None:
    assert fold([]) == SessionState()
