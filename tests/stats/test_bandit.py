"""A contest's turns go to who gives most, and nobody is forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.stats import bandit

NAMES = ("a", "b", "c")
TURNS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.floats(0, 1), st.floats(0.01, 1)), max_size=60
)


def played(rates: dict[str, float], turns: int) -> dict[str, int]:
    """Every fifth turn of an agent gains, in proportion to its rate."""
    history: list[tuple[str, float, float]] = []
    counts = dict.fromkeys(rates, 0)
    for _ in range(turns):
        name = bandit.choose(list(rates), history)
        counts[name] += 1
        history.append((name, rates[name] if counts[name] % 5 == 0 else 0.0, 0.1))
    return counts


@given(TURNS)
def test_who_never_had_a_turn_comes_first(history: list[tuple[str, float, float]]) -> None:
    fresh = [name for name in NAMES if all(name != known for known, _, _ in history)]
    chosen = bandit.choose(NAMES, history)
    assert chosen == fresh[0] if fresh else chosen in NAMES


@given(TURNS, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(
    history: list[tuple[str, float, float]], gain: float, hours: float
) -> None:
    scaled = [(name, gain * g, hours * h) for name, g, h in history]
    one, other = bandit.choose(NAMES, history), bandit.choose(NAMES, scaled)
    # Rounding may decide between equals.
    assert one == other or bandit.choose(NAMES[::-1], history) == other


@given(st.permutations(["a", "b", "c"]))
def test_the_better_agent_has_most_turns_and_nobody_is_forgotten(names: list[str]) -> None:
    counts = played(dict(zip(names, (1.0, 0.3, 0.0), strict=True)), 200)
    assert counts[names[0]] > counts[names[1]] >= counts[names[2]]
    assert min(counts.values()) >= 10


def test_who_stops_giving_loses_its_turns() -> None:
    early = [("a", 1.0, 0.1), ("b", 0.1, 0.1)] * 10
    late = [("a", 0.0, 0.1), ("b", 0.1, 0.1)] * 60
    counts = {"a": 0, "b": 0}
    history = [*early, *late]
    for _ in range(40):
        name = bandit.choose(["a", "b"], history)
        counts[name] += 1
        history.append((name, 0.1 if name == "b" else 0.0, 0.1))
    assert counts["b"] > counts["a"]


def test_without_any_gain_turns_go_round() -> None:
    assert set(played(dict.fromkeys(NAMES, 0.0), 30).values()) == {10}


def test_a_turn_needs_somebody() -> None:
    with pytest.raises(ValueError, match="somebody"):
        bandit.choose([], [])
