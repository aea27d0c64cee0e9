"""How what was expected agrees with what came."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.stats.agreement import agreement

CHANGES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=3, max_size=30, unique=True)


@given(CHANGES)
def test_a_prophet_agrees_wholly_and_its_opposite_not_at_all(changes: list[float]) -> None:
    right = agreement(changes, changes)
    assert right.rank == pytest.approx(1.0)
    assert right.error == 0.0
    wrong = agreement([-change for change in changes], changes)
    assert wrong.rank == pytest.approx(-1.0)
    if any(changes):
        assert (right.sign, wrong.sign) == (1.0, 0.0)


@given(CHANGES)
def test_ranks_alone_count_for_the_correlation(changes: list[float]) -> None:
    grown = [math.copysign(abs(change) ** 0.5, change) for change in changes]
    if len(set(grown)) == len(grown):
        assert agreement(grown, changes).rank == pytest.approx(1.0)


def test_known_figures() -> None:
    found = agreement([-1, -2, -3, 1], [-1, 3, -2, 4])
    # Ranks 3 2 1 4 and 2 3 1 4.
    assert found.rank == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert (found.pairs, found.sign, found.error) == (4, 0.75, 2.25)


def test_too_little_says_nothing() -> None:
    found = agreement([], [])
    assert (found.pairs, found.rank, found.sign, found.error) == (0, None, None, None)
    assert agreement([1, 1, 1], [1, 2, 3]).rank is None
    assert agreement([math.nan, 1.0], [1.0, 1.0]).pairs == 1
    with pytest.raises(ValueError, match=r"shorter|longer"):
        agreement([1], [])
