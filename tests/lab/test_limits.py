"""A night ends when it should, also over the change of the clocks."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autoresearch_tui.control.messages import Pause
from autoresearch_tui.lab import limits as limits_module
from autoresearch_tui.lab.limits import Limits, next_time
from autoresearch_tui.record.state import Activity, Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Direction, Status, Usage
from autoresearch_tui.settings import LimitSettings, Settings, SettingsError
from tests.workshop import ScriptedAgent, Workshop

DAY_S = 86_400
CHANGES = {
    "Europe/Berlin": (1774746000, 1792890000),
    "America/New_York": (1772953200, 1793512800),
    # Half an hour, and the seasons the other way round.
    "Australia/Lord_Howe": (1775314800, 1791037800),
    # At midnight, so that a day begins at one.
    "Africa/Cairo": (1776981600, 1793307600),
    "UTC": (1774746000, 1792890000),
}
"""Moments of 2026 at which the clocks change: forward and back, in whatever order."""


@pytest.fixture(params=CHANGES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def shown(at: float) -> tuple[int, int]:
    """Return what a clock on the wall shows: hour and minute."""
    local = time.localtime(at)
    return local.tm_hour, local.tm_min


def minutes(earlier: tuple[int, int], later: tuple[int, int]) -> int:
    return (60 * (later[0] - earlier[0]) + later[1] - earlier[1]) % 1440


def first_sight(wanted: tuple[int, int], after: float) -> float:
    """Return when somebody who looks at the clock every minute sees a time, or that it is past."""
    at = after - after % 60 + 60
    while shown(at) != wanted:
        leapt, missing = minutes(shown(at - 60), shown(at)), minutes(shown(at - 60), wanted)
        # Forward by an hour at most; back would look like a leap of nearly a day.
        if 0 < missing < leapt < 720:
            return at
        at += 60
    return at


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.integers(0, 1),
    offset=st.integers(-30 * 3600, 4 * 3600),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
@example(change=0, offset=-3600, hour=2, minute=30)
@example(change=1, offset=-1200, hour=2, minute=30)
@example(change=1, offset=600, hour=2, minute=30)
@example(change=0, offset=-3600, hour=0, minute=0)
def test_the_end_is_when_the_clock_on_the_wall_shows_it(
    zone: str, change: int, offset: int, hour: int, minute: int
) -> None:
    after = CHANGES[zone][change] + offset
    assert next_time(f"{hour:02d}:{minute:02d}", after) == first_sight((hour, minute), after)


def test_a_night_is_as_long_as_its_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        autumn = time.mktime((2026, 10, 24, 23, 0, 0, 0, 0, -1))
        spring = time.mktime((2026, 3, 28, 23, 0, 0, 0, 0, -1))
        assert next_time("07:00", autumn) - autumn == 9 * 3600
        assert next_time("07:00", spring) - spring == 7 * 3600
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
    # Nothing is asked for that would not be run.
    assert not hours.leave_room(state)


def test_without_limits_there_is_no_end() -> None:
    limits = Limits(LimitSettings(), 0)
    assert limits.reached(SessionState(), 1e12) is None
    assert limits.next_at() is None
    assert limits.wait_s(1e12) is None


@given(st.floats(0, 1e6), st.floats(0, 2e6))
def test_a_wait_ends_before_the_limit_and_before_a_suspended_machine_has_slept_through_it(
    ends_in_s: float, now: float
) -> None:
    limits = Limits(LimitSettings(max_hours=ends_in_s / 3600), 0)
    wait_s, left_s = limits.wait_s(now), (limits.next_at() or 0.0) - now
    if left_s <= 0:
        assert wait_s is None
    else:
        assert wait_s is not None
        assert 0 < wait_s <= min(left_s, limits_module.LOOK_AGAIN_S)


async def test_a_machine_that_slept_past_the_end_notices_it_when_it_wakes(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asleep_s = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + asleep_s)
    monkeypatch.setattr(limits_module, "LOOK_AGAIN_S", 0.02)
    lab = workshop.lab(ScriptedAgent(), Settings(limits=LimitSettings(max_hours=1)))
    night = asyncio.create_task(lab.run())
    await lab.until(lambda state: state.judged_count > 0)
    await lab.handle(Pause(by="a person"))
    # Nothing happens by itself in a paused session: only the look at the clock is left.
    await lab.until(lambda state: state.activity is Activity.PAUSED)
    asleep_s = 3 * 3600.0
    end = await night
    assert (end.finished, end.reason) == (True, "1 hours are over")


def experiment(number: int, *, val_bpb: float) -> Experiment:
    return Experiment(
        number=number, parent=None, commit="c", title="t", hypothesis="", expected_change=None,
        agent="tpe", model=None, lines_added=0, lines_removed=0, usage=Usage(), proposed_at=0.0,
        val_bpb=val_bpb, status=Status.KEEP,
    )  # fmt: skip


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


@given(st.floats(0, 100), st.floats(0.01, 100), st.integers(0, 10**7))
def test_money_ends_the_session_and_the_asking_and_says_what_it_does_not_know(
    cost: float, most: float, unpriced: int
) -> None:
    state = SessionState(cost_usd=cost, unpriced_tokens=unpriced)
    limits = Limits(LimitSettings(max_cost=most), 0)
    reason = limits.reached(state, 0)
    assert (reason is not None) == (cost >= most) == (not limits.leave_room(state))
    if reason is not None:
        assert "US dollars" in reason
        assert (f"{unpriced:,} tokens" in reason) == (unpriced > 0)


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.TRAINING, Phase.EVALUATED])
def test_an_edit_that_is_paid_for_still_gets_its_run(phase: Phase) -> None:
    paid = experiment(7, val_bpb=1.0)
    state = SessionState(cost_usd=2.0, experiments={7: paid}, open_experiments=[7])
    limits = Limits(LimitSettings(max_cost=1), 0)
    paid.phase = phase
    assert limits.reached(state, 0) is None
    assert not limits.leave_room(state)
    # But nobody is waited for.
    state.paused_by = "ada"
    assert limits.reached(state, 0)
    state.paused_by = None
    paid.phase = Phase.WAITING_FOR_APPROVAL
    assert limits.reached(state, 0)


@given(st.floats(0.1, 3), st.floats(0.1, 3), st.sampled_from(Direction))
def test_a_target_is_reached_from_the_side_that_is_worse(
    best: float, target: float, direction: Direction
) -> None:
    state = SessionState(
        experiments={4: experiment(4, val_bpb=best)}, incumbent=4, direction=direction
    )
    reason = Limits(LimitSettings(target_bpb=target), 0).reached(state, 0)
    better = best <= target if direction is Direction.LOWER else best >= target
    assert (reason is not None) == better
    assert Limits(LimitSettings(target_bpb=target), 0).reached(SessionState(), 0) is None
