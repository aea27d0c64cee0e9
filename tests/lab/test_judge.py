"""A verdict follows from what was measured, and from nothing else."""

import math

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab.judge import judge
from autoresearch_tui.record.state import Experiment, Run
from autoresearch_tui.record.vocabulary import Direction, RunOutcome, Status, Usage


def experiment(
    val_bpb: float | None, *, valid: bool = True, outcome: str = "trained"
) -> Experiment:
    run = Run(replicate=0, seed=1, budget_s=1, started_at=0, pid=1, threads=1, outcome=outcome)
    return Experiment(
        number=1,
        parent=0,
        commit="c",
        title="t",
        hypothesis="h",
        expected_change=None,
        agent="a",
        model=None,
        lines_added=1,
        lines_removed=1,
        usage=Usage(),
        proposed_at=0,
        runs=[run],
        valid=valid,
        val_bpb=val_bpb,
    )


@given(st.floats() | st.none(), st.floats(min_value=1e-6, max_value=1e6))
def test_only_what_is_finite_positive_and_lower_is_kept(
    val_bpb: float | None, incumbent: float
) -> None:
    verdict = judge(experiment(val_bpb), experiment(incumbent))
    if val_bpb is None or not math.isfinite(val_bpb) or val_bpb <= 0:
        assert verdict.status is Status.INVALID
        assert verdict.val_bpb is None
    elif val_bpb < incumbent:
        assert verdict.status is Status.KEEP
        assert verdict.change == val_bpb - incumbent
    else:
        assert verdict.status is Status.DISCARD


def test_an_equal_result_is_no_improvement() -> None:
    assert judge(experiment(1.0), experiment(1.0)).status is Status.DISCARD


def test_the_baseline_is_kept_when_it_is_a_measurement() -> None:
    assert judge(experiment(1.0), None).status is Status.KEEP
    assert judge(experiment(0.0), None).status is Status.INVALID


def test_a_run_that_failed_gives_its_reason() -> None:
    for outcome, status in (
        (RunOutcome.CRASH, Status.CRASH),
        (RunOutcome.TIMEOUT, Status.TIMEOUT),
        (RunOutcome.INVALID, Status.INVALID),
        (RunOutcome.KILLED, Status.KILLED),
    ):
        failed = experiment(None, valid=False, outcome=outcome)
        failed.runs[0].reason = "because"
        verdict = judge(failed, experiment(1.0))
        assert (verdict.status, verdict.reason) == (status, "because")


@given(st.floats() | st.none(), st.floats(min_value=-1e6, max_value=1e6))
def test_where_more_is_better_any_finite_number_is_a_result(
    value: float | None, incumbent: float
) -> None:
    verdict = judge(experiment(value), experiment(incumbent), Direction.HIGHER)
    if value is None or not math.isfinite(value):
        assert verdict.status is Status.INVALID
        return
    assert verdict.status is (Status.KEEP if value > incumbent else Status.DISCARD)
    assert verdict.change == value - incumbent


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_both_directions_agree_on_nothing_but_a_tie(one: float, other: float) -> None:
    kept = [judge(experiment(one), experiment(other), way).status for way in Direction]
    assert kept.count(Status.KEEP) == (one != other)
