"""A night ends when it should, also over the change of the clocks."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab.limits import Limits, next_time
from autoresearch_tui.record.events import Status
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.settings import LimitSettings, SettingsError

DAY_S = 86_400


@given(st.integers(0, 4_000_000_000), st.integers(0, 23), st.integers(0, 59))
def test_the_next_time_of_day_is_within_a_day_and_shows_that_time(
    now: int, hour: int, minute: int
) -> None:
    at = next_time(f"{hour:02d}:{minute:02d}", now)
    assert 0 < at - now <= DAY_S
    assert time.localtime(at)[3:6] == (hour, minute, 0)


def test_the_time_of_day_is_the_local_one_after_the_clocks_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        evening = time.mktime((2026, 10, 24, 23, 0, 0, 0, 0, -1))
        # The night of 25 October 2026 has an hour more.
        assert next_time("07:00", evening) - evening == 9 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("clock", ["7", "25:00", "07:60", "seven", ""])
def test_what_is_no_time_of_day_is_refused(clock: str) -> None:
    with pytest.raises(SettingsError, match="time of day"):
        next_time(clock, 0.0)


def test_each_limit_ends_the_session() -> None:
    state = SessionState(status_counts={Status.KEEP: 1, Status.CRASH: 2})
    assert Limits(LimitSettings(max_experiments=4), 0).reached(state, 1e9) is None
    assert Limits(LimitSettings(max_experiments=3), 0).reached(state, 0) == (
        "3 experiments are judged"
    )
    hours = Limits(LimitSettings(max_hours=0.5), 1000)
    assert hours.reached(state, 2799) is None
    assert hours.reached(state, 2800) == "0.5 hours are over"
    assert hours.next_at() == 2800


def test_without_limits_there_is_no_end() -> None:
    limits = Limits(LimitSettings(), 0)
    assert limits.reached(SessionState(), 1e12) is None
    assert limits.next_at() is None


def test_what_was_skipped_does_not_count_and_what_is_open_leaves_less_room() -> None:
    state = SessionState(status_counts={Status.KEEP: 1, Status.SKIPPED: 2})
    three = Limits(LimitSettings(max_experiments=3), 0)
    assert three.reached(state, 0) is None
    assert three.leave_room(state)
    state.open_experiments = [3]
    assert three.leave_room(state)
    state.open_experiments = [3, 4]
    assert not three.leave_room(state)
    assert Limits(LimitSettings(), 0).leave_room(state)
