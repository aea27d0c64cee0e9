"""Tests of which of two curves is ahead."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.stats.race import lead_at

BUDGET_S = 100.0


def falling(offset: float, wobble: float, seed: int) -> list[tuple[float, float]]:
    dice = random.Random(seed)
    return [(float(t), 5 - 0.02 * t + offset + dice.gauss(0, wobble)) for t in range(101)]


@given(st.floats(0, 5), st.integers(0, 100))
def test_the_two_sides_say_the_same_of_each_other(offset: float, seed: int) -> None:
    mine, theirs = falling(0, 0.1, seed), falling(offset, 0.1, seed + 1)
    one, other = lead_at(mine, theirs, 80, 10), lead_at(theirs, mine, 80, 10)
    assert one is not None
    assert other is not None
    assert one.gain == pytest.approx(-other.gain)
    assert one.clear == other.clear


def test_a_lead_is_clear_only_beyond_the_wobble() -> None:
    ahead = lead_at(falling(-0.5, 0.05, 1), falling(0, 0.05, 2), 80, 10)
    level = lead_at(falling(-0.01, 0.5, 1), falling(0, 0.5, 2), 80, 10)
    assert ahead is not None
    assert level is not None
    assert ahead.gain == pytest.approx(0.5, abs=0.1)
    assert ahead.clear
    assert not level.clear


def test_the_slope_that_both_have_is_no_wobble() -> None:
    lead = lead_at(falling(-0.1, 0.001, 1), falling(0, 0.001, 2), 50, 50)
    assert lead is not None
    assert lead.clear


def test_only_the_same_seconds_are_compared() -> None:
    mine = [(t, 1.0) for t in range(20)]
    theirs = [(t, 2.0) for t in range(10)] + [(t, 0.0) for t in range(10, 100)]
    lead = lead_at(mine, theirs, 9, 5)
    assert lead is not None
    assert lead.gain == 1.0
    assert lead_at(mine, theirs, 60, 10) is None


def test_two_points_tell_nothing() -> None:
    lead = lead_at([(1.0, 1.0), (2.0, 1.0)], [(1.0, 9.0), (2.0, 9.0)], 2, 2)
    assert lead is not None
    assert not lead.clear
