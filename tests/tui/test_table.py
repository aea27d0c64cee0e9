"""Tests of which rows the table has, in which order, and of the keys that change that."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record.state import Experiment, Run
from autoresearch_tui.record.vocabulary import Direction, Status, Usage
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.table import Column, matches, ordered
from autoresearch_tui.tui.widgets.experiments import ExperimentsPane
from tests.tui.nights import Ending, make_night
from tests.tui.watching import settle, shown, watching

MANY = 10_000


def experiment(number: int, title: str = "", **known: object) -> Experiment:
    made = Experiment(
        number=number, parent=None, commit="c", title=title, hypothesis="", expected_change=None,
        agent="tpe", model=None, lines_added=0, lines_removed=0, usage=Usage(),
        proposed_at=0.0,
    )  # fmt: skip
    for name, value in known.items():
        setattr(made, name, value)
    return made


def run(memory: int) -> Run:
    return Run(
        replicate=0, seed=0, budget_s=1, started_at=float(memory), pid=1, threads=1,
        peak_memory_mb=memory,
    )  # fmt: skip


statuses = st.none() | st.sampled_from(Status)
losses = st.none() | st.floats(0.5, 3) | st.just(math.inf)
nights = st.lists(
    st.tuples(statuses, losses, st.integers(0, 9), st.sampled_from("abc")), max_size=30
).map(
    lambda rows: [
        experiment(number, title, status=status, val_bpb=loss, change=loss, runs=[run(memory)],
                   judged_at=20.0)
        for number, (status, loss, memory, title) in enumerate(rows)
    ]
)  # fmt: skip


@given(nights, st.sampled_from(Column), st.booleans(), st.sampled_from(Direction))
def test_sorting_loses_nothing_and_open_ones_are_on_top(
    night: list[Experiment], column: Column, reverse: bool, direction: Direction
) -> None:
    numbers = ordered(night, column, reverse=reverse, direction=direction)
    assert sorted(numbers) == [each.number for each in night]
    opened = sorted((each.number for each in night if each.status is None), reverse=True)
    assert numbers[: len(opened)] == opened


@given(nights, st.booleans(), st.sampled_from(Direction))
def test_the_best_is_first_and_what_has_no_number_last(
    night: list[Experiment], reverse: bool, direction: Direction
) -> None:
    numbers = ordered(night, Column.METRIC, reverse=reverse, direction=direction)
    judged = [night[number].val_bpb for number in numbers if night[number].status is not None]
    finite = [value for value in judged if value is not None and math.isfinite(value)]
    falls = (direction is Direction.HIGHER) != reverse
    assert finite == sorted(finite, reverse=falls)
    assert judged[: len(finite)] == finite


@given(st.lists(st.sampled_from(["warm", "Keep", "tpe", "claude", "#3", "zzz"]), max_size=3))
def test_a_row_has_all_the_words_or_is_not_shown(words: list[str]) -> None:
    each = experiment(3, "Start the Warm-down later", status=Status.KEEP)
    found = matches(each, "  ".join(words))
    assert found == (not {"claude", "zzz"} & set(words))


def test_a_number_is_the_whole_number() -> None:
    assert matches(experiment(12), "#12")
    assert not matches(experiment(123), "#12")
    assert matches(experiment(5, status=None), "train", word="training")


async def test_typing_filters_and_letters_are_no_verbs_then(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED, 40)
    async with watching(made) as pilot:
        table = pilot.app.screen.query_one(ExperimentsPane)
        await pilot.press("slash", *"qx", "backspace", "ctrl+u", *"kee")
        await settle(pilot)
        rows = shown(pilot, "#experiments").splitlines()
        assert isinstance(pilot.app.screen, CockpitScreen)
        assert rows[0].startswith("/ kee")
        assert f"{len(table.numbers)} of 40" in rows[0]
        assert all("keep" in row for row in rows[2:] if row)
        assert table.selected == table.numbers[0]
        await pilot.press("enter", "down")
        await settle(pilot)
        assert table.listing.query == "kee"
        assert table.selected == table.numbers[1]
        await pilot.press("escape")
        await settle(pilot)
        assert len(table.numbers) == 40


async def test_o_sorts_by_the_next_column_and_capital_o_turns_round(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    async with watching(made, (120, 40)) as pilot:
        table = pilot.app.screen.query_one(ExperimentsPane)
        best = table.night.state.incumbent
        await pilot.press("o")
        await settle(pilot)
        assert table.numbers[:2] == [24, best]
        assert "▼val_bpb" in shown(pilot, "#experiments")
        await pilot.press("O")
        await settle(pilot)
        assert table.numbers[0] == 24
        assert "▲val_bpb" in shown(pilot, "#experiments")
        values = [table.night.state.experiments[number].val_bpb for number in table.numbers]
        measured = [value for value in values if value is not None]
        assert measured == sorted(measured, reverse=True)
        await pilot.press("o", "O")
        assert pilot.app.screen.query_one(ExperimentsPane).viewer.layout.get("table.sort") == (
            "change reversed"
        )


async def test_ten_thousand_rows_draw_what_is_seen(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED, MANY)
    async with watching(made) as pilot:
        table = pilot.app.screen.query_one(ExperimentsPane)
        drawn = 0
        row = ExperimentsPane._row  # pyright: ignore[reportPrivateUsage]

        def counted(pane: ExperimentsPane, *arguments: object) -> object:
            nonlocal drawn
            drawn += 1
            return row(pane, *arguments)  # pyright: ignore[reportArgumentType]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ExperimentsPane, "_row", counted)
            for key in ("o", "end", "slash"):
                drawn = 0
                await pilot.press(key)
                # A tick of the cockpit may draw once more.
                assert 0 < drawn <= 4 * table.content_size.height, key


async def test_a_narrow_table_has_room_for_titles(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING), (60, 20)) as pilot:
        table = shown(pilot, "ExperimentsPane")
    assert "raise EMBEDDING_RA" in table
    assert "took" not in table
