"""Tests of where the bulk of some values lies."""

import math

import pytest

from autoresearch_tui.stats.spread import smoothed, upper_fence


def test_a_far_value_is_above_the_fence() -> None:
    assert upper_fence([1.0, 1.1, 1.2, 1.3, 9.0]) == 1.3


def test_low_values_and_the_like_never_move_the_fence_below_the_bulk() -> None:
    assert upper_fence([0.1, 1.1, 1.2, 1.3, 1.25]) == 1.3


def test_few_values_are_all_in() -> None:
    assert upper_fence([1.0, 9.0]) == 9.0
    assert upper_fence([1.0]) == 1.0


def test_what_is_not_finite_does_not_count() -> None:
    assert upper_fence([1.0, math.nan, math.inf, 2.0]) == 2.0
    with pytest.raises(ValueError, match="finite"):
        upper_fence([math.nan])


def test_smoothing_keeps_a_constant_and_starts_at_the_first_value() -> None:
    assert smoothed([3.0] * 5, halflife=2) == pytest.approx([3.0] * 5)
    assert smoothed([4.0, 0.0], halflife=1) == pytest.approx([4.0, 4.0 / 3])
