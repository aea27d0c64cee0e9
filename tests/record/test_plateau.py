"""Plateaus, lineage and noise, on nights of any shape and in both directions."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch_tui.record.plateau import (
    PLATEAU_AFTER,
    STANDS_OUT_SD,
    lineage,
    noise,
    plateau,
    stands_out,
)
from autoresearch_tui.record.state import Experiment, Run, SessionState
from autoresearch_tui.record.vocabulary import Direction, Status, Usage
from tests.agents.night import TRAIN, Night, begun

EIGHTHS = st.integers(4, 16).map(lambda number: number / 8)
"""Values that turn over without a rounding."""


def run(value: float | None, replicate: int) -> Run:
    return Run(
        replicate=replicate, seed=1, budget_s=1, started_at=0, pid=1, threads=1, val_bpb=value
    )


def replicated(state: SessionState, number: int, *values: float | None) -> None:
    state.experiments[number].runs = [run(value, at) for at, value in enumerate(values)]


def add(night: Night, times: int, status: Status = Status.DISCARD) -> None:
    value = 1.9 if status is Status.DISCARD else None
    for _ in range(times):
        night.add(TRAIN, status, value, parent=0)


def test_a_plateau_is_so_many_attempts_without_a_gain() -> None:
    night = begun()
    add(night, PLATEAU_AFTER - 1)
    assert plateau(night.state) is None
    add(night, 1, Status.CRASH)
    found = plateau(night.state)
    assert found is not None
    assert (found.since, found.tried, found.gained) == (0, PLATEAU_AFTER, 0)
    keep = night.add(TRAIN, Status.KEEP, 1.7, parent=0)
    assert plateau(night.state) is None
    add(night, PLATEAU_AFTER)
    again = plateau(night.state)
    assert again is not None
    assert again.since == keep


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.KILLED, Status.REJECTED])
def test_what_had_no_chance_does_not_count(status: Status) -> None:
    night = begun()
    add(night, 3 * PLATEAU_AFTER, status)
    assert plateau(night.state) is None


def test_noise_is_pooled_over_what_was_run_twice() -> None:
    night = begun()
    add(night, 2)
    state = night.state
    assert noise(state) is None
    replicated(state, 0, 1.80, None, 1.82)
    replicated(state, 1, 1.90, 1.90, 1.93)
    # The squared distances to the two means, over one and two degrees of freedom.
    assert noise(state) == pytest.approx(math.sqrt((0.0002 + 0.0006) / 3))
    replicated(state, 2, 1.9, math.inf)
    assert noise(state) == pytest.approx(math.sqrt(0.0008 / 3))


def test_keeps_within_the_noise_end_no_plateau_but_together_they_may() -> None:
    night = begun()
    values = [1.799, 1.798, 1.797]
    for value in values:
        add(night, 8)
        night.add(TRAIN, Status.KEEP, value, parent=night.state.incumbent)
    state = night.state
    assert plateau(state) is None, "every keep counts where the noise is not known"
    replicated(state, 0, 1.80, 1.802)
    assert stands_out(state) == pytest.approx(STANDS_OUT_SD * 0.002 / math.sqrt(2))
    found = plateau(state)
    assert found is not None
    assert (found.since, found.tried) == (0, 27)
    assert found.gained == pytest.approx(0.003)
    replicated(state, 0, 1.80, 1.8005)
    assert plateau(state) is None


def test_what_was_undone_is_no_gain() -> None:
    night = begun()
    night.add(TRAIN, Status.KEEP, 1.5, parent=0)
    add(night, PLATEAU_AFTER - 1)
    state = night.state
    assert plateau(state) is None
    state.incumbent = 0
    assert [each.number for each in lineage(state)] == [0]
    assert plateau(state) is not None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*Status]), EIGHTHS), max_size=60))
def test_any_night_reads_the_same_in_both_directions(outcomes: list[tuple[Status, float]]) -> None:
    night = [(Status.KEEP, 1.75), *outcomes]
    lower = made(night, Direction.LOWER)
    higher = made([(status, 10 - value) for status, value in night], Direction.HIGHER)
    one, other = plateau(lower), plateau(higher)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.since, one.tried) == (other.since, other.tried)
        assert one.gained == pytest.approx(other.gained)
        assert one.tried >= PLATEAU_AFTER
        assert one.gained <= one.least
    chain = lineage(lower)
    assert chain[0].number == 0
    assert chain[-1].number == lower.incumbent


def made(outcomes: list[tuple[Status, float]], direction: Direction) -> SessionState:
    """Return a state with these verdicts, each on an edit of the keep before it."""
    state = SessionState(direction=direction)
    for number, (status, value) in enumerate(outcomes):
        state.experiments[number] = Experiment(
            number=number,
            parent=state.incumbent,
            commit="",
            title="",
            hypothesis="",
            expected_change=None,
            agent="",
            model=None,
            lines_added=0,
            lines_removed=0,
            usage=Usage(),
            proposed_at=0,
            status=status,
            val_bpb=value if status in (Status.KEEP, Status.DISCARD) else None,
        )
        if status is Status.KEEP:
            state.incumbent = number
    return state
