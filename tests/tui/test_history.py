"""Tests of the chart of the night: what is where, and the keys that move about in it."""

import math
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.control.messages import again
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Direction, Status
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.results import Axis, gathered
from autoresearch_tui.tui.widgets.experiments import ExperimentsPane
from autoresearch_tui.tui.widgets.history import HistoryPane
from autoresearch_tui.tui.widgets.history_chart import chart, legend
from autoresearch_tui.tui.widgets.plot import Zoom
from tests.tui.nights import Ending, make_night
from tests.tui.test_table import experiment, run
from tests.tui.watching import plain, settle, shown, watching

values = st.none() | st.floats(-5, 5) | st.just(1e12) | st.just(math.inf)


def night(
    results: list[tuple[Status | None, float | None]], direction: Direction = Direction.LOWER
) -> SessionState:
    state = SessionState(direction=direction)
    for number, (status, value) in enumerate(results):
        state.experiments[number] = experiment(
            number, status=status, val_bpb=value, judged_at=60.0 * number, proposed_at=60.0 * number
        )
        if status is Status.KEEP and value is not None and math.isfinite(value):
            state.incumbent = number
    return state


def drawn(state: SessionState, width: int = 60, height: int = 12) -> list[str]:
    made = chart(gathered(state), Axis.NUMBER, Zoom(), width, height)
    assert made is not None
    return [plain(line) for line in made.lines(None)]


@given(
    st.lists(st.tuples(st.none() | st.sampled_from(Status), values), max_size=40),
    st.sampled_from(Axis),
    st.sampled_from(Direction),
    st.integers(8, 90),
    st.integers(2, 20),
)
def test_any_night_fits_in_any_space(
    results: list[tuple[Status | None, float | None]],
    axis: Axis,
    direction: Direction,
    width: int,
    height: int,
) -> None:
    state = night(results, direction)
    zoom = Zoom().scaled(0, len(results), 0.5, len(results) / 2, least=4)
    for each in (Zoom(), zoom):
        made = chart(gathered(state), axis, each, width, height)
        if made is not None:
            rows = made.lines(len(results) // 2)
            assert len(rows) == height
            assert len({len(plain(row)) for row in rows}) == 1


@pytest.mark.parametrize("direction", Direction)
def test_one_far_worse_result_is_marked_at_the_edge_and_flattens_nothing(
    direction: Direction,
) -> None:
    sign = 1 if direction is Direction.LOWER else -1
    results: list[tuple[Status | None, float | None]] = [(Status.KEEP, 1.0)]
    results += [(Status.DISCARD, 1.0 + sign * 0.01 * n) for n in range(1, 9)]
    far = drawn(night([*results, (Status.DISCARD, 1.0 + sign * 50.0)], direction))
    arrow, edge = ("↑", far[0]) if direction is Direction.LOWER else ("↓", far[-2])
    assert edge.rstrip().endswith(arrow)
    rows_used = [row for row in far if "○" in row]
    assert len(rows_used) >= 6


@given(st.lists(st.floats(0.9, 1.1), min_size=2, max_size=30))
def test_the_line_only_goes_towards_the_better(losses: list[float]) -> None:
    results: list[tuple[Status | None, float | None]] = []
    best = math.inf
    for loss in losses:
        results.append((Status.KEEP if loss < best else Status.DISCARD, loss))
        best = min(best, loss)
    made = chart(gathered(night(results)), Axis.NUMBER, Zoom(), 190, 20)
    assert made is not None
    rows = [plain(row)[made.gutter + 1 :] for row in made.lines(None)[:-1]]
    heights = [
        min(y for y, row in enumerate(rows) if row[x] in "─●★╮╰")
        for x in range(made.along.cells)
        if any(row[x] in "─●★╮╰" for row in rows)
    ]
    assert heights == sorted(heights)


def test_each_way_to_end_has_its_shape() -> None:
    rows = drawn(
        night(
            [
                (Status.KEEP, 1.0),
                (Status.DISCARD, 1.1),
                (Status.PRUNED, 1.2),
                (Status.CRASH, None),
                (Status.INVALID, None),
                (Status.KEEP, 0.9),
            ]
        )
    )
    above, axis = "".join(rows[:-1]), rows[-1]
    assert all(glyph in above for glyph in "●○◇★")
    assert all(glyph in axis for glyph in f"{CROSS}▽")


def test_the_noise_is_by_repeats_where_there_are_any_and_says_so() -> None:
    results: list[tuple[Status | None, float | None]] = [(Status.KEEP, 1.0)]
    state = night([*results, *((Status.DISCARD, 1.0 + 0.01 * n) for n in range(1, 20))])
    assert gathered(state).band is None
    for each in state.experiments.values():
        each.change = (each.val_bpb or 1.0) - 1.0
    guessed = gathered(state)
    assert guessed.band is not None
    assert "guessed from 20 changes" in "".join(map(plain, legend(guessed, 0, 200)))
    runs = [run(1), run(1)]
    runs[0].val_bpb, runs[1].val_bpb = 0.95, 1.05
    state.experiments[0].runs = runs
    repeated = gathered(state).band
    assert repeated is not None
    assert repeated.half == pytest.approx(0.1)
    assert "by 1 repeat" in repeated.words
    made = chart(gathered(state), Axis.NUMBER, Zoom(), 60, 12)
    assert made is not None
    assert "· ·" in "".join(plain(row) for row in made.lines(None))


def test_a_repeat_of_a_repeat_is_of_the_same_file() -> None:
    state = night([(Status.KEEP, 1.0), (Status.DISCARD, 1.1), (Status.DISCARD, 1.3)])
    for each in state.experiments.values():
        each.runs = [run(1)]
        each.runs[0].val_bpb = each.val_bpb
    for number, origin in ((1, 0), (2, 1)):
        command = again("ada", origin, "again: deeper", "")
        each = state.experiments[number]
        each.title, each.hypothesis = command.title, command.hypothesis
    band = gathered(state).band
    assert band is not None
    assert band.half == pytest.approx(math.sqrt(2) * statistics.stdev([1.0, 1.1, 1.3]))
    assert "by 2 repeats" in band.words


def test_after_an_undo_the_line_ends_at_the_incumbent() -> None:
    state = night([(Status.KEEP, 1.0), (Status.KEEP, 0.9), (Status.DISCARD, 1.1)])
    state.incumbent = 0
    made = chart(gathered(state), Axis.NUMBER, Zoom(), 60, 9)
    assert made is not None
    rows = [plain(row) for row in made.lines(None)]
    level = next(row for row in rows if "★" in row)
    assert level.rstrip()[-1] in "─╭○"


async def test_keys_move_the_cursor_and_everything_follows(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    async with watching(made, (120, 40)) as pilot:
        table = pilot.app.screen.query_one(ExperimentsPane)
        history = pilot.app.screen.query_one(HistoryPane)
        await pilot.press("4", "left", "left")
        await settle(pilot)
        assert (table.selected, history.selected) == (22, 22)
        assert "#22" in shown(pilot, "#diff")
        assert "#22" in shown(pilot, "#history").splitlines()[0]
        await pilot.press("pageup")
        assert table.selected == table.night.state.incumbent
        await pilot.press("home", "right")
        assert table.selected == 1
        await pilot.press("pagedown")
        picked = table.selected
        assert picked is not None
        assert table.night.state.experiments[picked].status is Status.KEEP
        await pilot.press("end")
        assert table.chosen is None
        await pilot.press("left", "enter")
        await settle(pilot)
        assert "#23" in shown(pilot, "#sheet")


async def test_keys_zoom_pan_and_change_the_axis(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED, 60)
    async with watching(made) as pilot:
        history = pilot.app.screen.query_one(HistoryPane)
        await pilot.press("4")
        await settle(pilot)
        assert "#0-59" in shown(pilot, "#history")
        await pilot.press("plus", "up")
        assert "#45-59" in shown(pilot, "#history")
        await pilot.press("comma")
        assert "#37-51" in shown(pilot, "#history")
        await pilot.press("right")
        assert history.selected == 59
        assert "#45-59" in shown(pilot, "#history")
        await pilot.press("b")
        assert "0:00-0:" in shown(pilot, "#history")
        await pilot.press("plus", "minus", "b")
        assert "#0-59" in shown(pilot, "#history")
        await pilot.press("plus", "full_stop", "0")
        assert "#0-59" in shown(pilot, "#history")
