"""Tests of how far apart two measurements of the same thing come out."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.stats.noise import LEAST_CHANGES, guessed_noise, repeat_noise

SIGMA = 0.01
values = st.lists(st.floats(-10, 10), min_size=2, max_size=8)


def test_repeats_give_the_deviation_of_a_difference() -> None:
    dice = random.Random(7)
    groups = [[base + dice.gauss(0, SIGMA) for _ in range(4)] for base in range(500)]
    noise = repeat_noise(groups)
    assert noise is not None
    assert noise[0] == pytest.approx(math.sqrt(2) * SIGMA, rel=0.1)
    assert noise[1] == 3 * len(groups)


@given(st.lists(values, min_size=1, max_size=4), st.floats(-10, 10))
def test_where_a_thing_lies_does_not_matter_to_its_noise(
    groups: list[list[float]], shift: float
) -> None:
    before = repeat_noise(groups)
    moved = repeat_noise([[value + shift for value in groups[0]], *groups[1:]])
    assert before is not None
    assert moved is not None
    assert moved[0] == pytest.approx(before[0], abs=1e-6)
    assert moved[1] == before[1]


@pytest.mark.parametrize("groups", [[], [[1.0]], [[1.0], [math.nan, 2.0]]])
def test_what_was_never_repeated_has_no_noise_yet(groups: list[list[float]]) -> None:
    assert repeat_noise(groups) is None


def test_a_guess_is_not_moved_by_the_few_edits_that_did_something() -> None:
    dice = random.Random(5)
    idle = [dice.gauss(0, SIGMA) for _ in range(200)]
    effects = [dice.choice((-1, 1)) * dice.uniform(5, 90) * SIGMA for _ in range(40)]
    guess = guessed_noise(idle + effects)
    assert guess == pytest.approx(SIGMA, rel=0.35)


@given(st.lists(st.floats(-10, 10), min_size=LEAST_CHANGES), st.floats(0.5, 50))
def test_a_guess_has_the_unit_of_the_changes_and_no_sign(
    changes: list[float], factor: float
) -> None:
    guess = guessed_noise(changes)
    scaled = guessed_noise([-change * factor for change in changes])
    assert (guess is None) == (scaled is None)
    if guess is not None:
        assert guess > 0
        assert scaled == pytest.approx(guess * factor)


def test_a_few_changes_are_no_ground_for_a_guess() -> None:
    assert guessed_noise([0.1] * (LEAST_CHANGES - 1) + [math.inf]) is None
    assert guessed_noise([0.0] * 20) is None
