"""Tests of what is shown, and of moving about in it."""

import os
from pathlib import Path

import pytest

from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.tui import night
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.experiment import ExperimentScreen
from autoresearch_tui.tui.screens.help import HelpScreen
from autoresearch_tui.tui.widgets.canvas import Canvas, Pane
from autoresearch_tui.tui.widgets.experiments import ExperimentsPane
from tests.tui import nights
from tests.tui.nights import Ending, make_night
from tests.tui.watching import look, settle, shown, watching

PANES = ("reasoning", "diff", "machine", "history", "experiments")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (160, 45), (200, 60)])
async def test_all_panes_are_in_view(tmp_path: Path, size: tuple[int, int]) -> None:
    made = make_night(tmp_path, Ending.TRAINING, gpu=True)
    async with watching(made, size) as pilot:
        screen = pilot.app.screen
        for name in PANES:
            pane = screen.query_one(f"#{name}", Pane)
            assert screen.region.contains_region(pane.region), name
            assert pane.content_size.height >= 3, name
        assert "0:08" not in shown(pilot, "Header")
        assert "2:00 left" in shown(pilot, "Header")
        assert "0.994548" in shown(pilot, "Header")
        assert "GPU 0" in shown(pilot, "#machine")
        assert "training" in shown(pilot, "#experiments")


async def test_without_a_gpu_the_processor_is_shown(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING)) as pilot:
        machine = shown(pilot, "#machine")
    assert "GPU" not in machine
    assert "cpu" in machine
    assert "train" in machine
    # Of two runs came nothing: even in 80 columns that is a share of its own.
    assert f"{CROSS}fail" in machine


async def test_the_cursor_chooses_what_the_diff_shows(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING)) as pilot:
        assert "#24" in shown(pilot, "#diff")
        await pilot.press("down", "down")
        await settle(pilot)
        assert "#22" in shown(pilot, "#diff")
        await pilot.press("end")
        await settle(pilot)
        assert "train.py as it was" in shown(pilot, "#diff")
        await pilot.press("home")
        await settle(pilot)
        assert pilot.app.screen.query_one(ExperimentsPane).chosen is None


async def test_a_chosen_experiment_stays_chosen_when_new_ones_come(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.WAITING)
    async with watching(made) as pilot:
        await pilot.press("down")
        journal = Journal(made.session.journal)
        journal.append(
            events.Proposed(
                at=made.now,
                experiment=24,
                parent=11,
                commit="c",
                title="a [bold]new[/bold] one \x1b[2J",
                hypothesis="",
                expected_change=None,
                agent="tpe",
            )
        )
        journal.close()
        await look(pilot)
        assert "24 a [bold]new[/bold] one" in shown(pilot, "#experiments")
        assert pilot.app.screen.query_one(ExperimentsPane).selected == 22


async def test_digits_focus_and_z_fills_the_screen(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING)) as pilot:
        await pilot.press("2")
        await settle(pilot)
        assert pilot.app.screen.focused is pilot.app.screen.query_one("#diff")
        await pilot.press("z")
        await settle(pilot)
        assert pilot.app.screen.query_one("#diff").size.width >= 79
        assert not pilot.app.screen.query_one("#history").display
        await pilot.press("4")
        await settle(pilot)
        assert pilot.app.screen.query_one("#history").size.width >= 79
        await pilot.press("z")
        await settle(pilot)
        assert all(pilot.app.screen.query_one(f"#{name}").display for name in PANES)


async def test_v_shows_the_loss_of_the_run(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING)) as pilot:
        assert "#0-24" in shown(pilot, "#history")
        await pilot.press("v")
        await settle(pilot)
        loss = shown(pilot, "#loss")
        assert not pilot.app.screen.query_one("#history").display
        await pilot.press("v")
        await settle(pilot)
        assert pilot.app.screen.query_one("#history").display
    assert "#24" in loss
    assert "#11" in loss
    assert "0:08 left" in loss


async def test_a_notice_is_said_and_stays_with_the_reasoning(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED)
    async with watching(made, (120, 40)) as pilot:
        journal = Journal(made.session.journal)
        text = "No key for claude was found, so tpe proposes."
        journal.append(events.Notice(at=made.now + 1, level=Level.WARNING, text=text))
        journal.close()
        await look(pilot)
        assert text in shown(pilot, "Footer")
        assert f"! {text}" in shown(pilot, "#reasoning")


async def test_enter_opens_one_experiment_and_arrows_step(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.FINISHED)) as pilot:
        await pilot.press("down", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ExperimentScreen)
        assert "#22" in shown(pilot, "#sheet")
        assert "-4.0 mbpb" in shown(pilot, "#sheet")
        assert "step" in shown(pilot, "#output")
        await pilot.press("left")
        await settle(pilot)
        assert "#21" in shown(pilot, "#sheet")
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CockpitScreen)


async def test_help_explains_the_focused_pane(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(pilot.app.screen, HelpScreen)
        svg = pilot.app.export_screenshot()
    assert "History" in svg
    assert "earlier" in svg


async def test_a_tiny_terminal_gets_a_sentence_and_recovers(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING), (20, 5)) as pilot:
        assert pilot.app.screen.query_one("#too-small").display
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert not pilot.app.screen.query_one("#too-small").display
        assert "training" in shown(pilot, "Header")


async def test_a_lab_that_falls_silent_or_dies_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    async with watching(made) as pilot:
        monkeypatch.setattr(night, "LIFE_POLL_INTERVAL_S", 0.0)
        os.utime(made.session.lab_file, (1, 1))
        await look(pilot)
        assert "lab silent" in shown(pilot, "Header")
        nights.end_labs()
        await look(pilot)
        assert "lab dead" in shown(pilot, "Header")
        assert "unfinished" in shown(pilot, "#experiments")


async def test_looking_at_an_unchanged_night_repaints_nothing(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.PAUSED)) as pilot:
        painted: list[object] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Canvas, "refresh", lambda *regions: painted.append(regions))
            await look(pilot)
        assert painted == []


async def test_a_thousand_experiments(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING, 1000)) as pilot:
        await pilot.press("end")
        await settle(pilot)
        assert "baseline" in shown(pilot, "#experiments")
        assert "#0-1000" in shown(pilot, "#history")


async def test_an_empty_session(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.WAITING, 0)) as pilot:
        assert "thinking" in shown(pilot, "Header")
        assert "No experiment" in shown(pilot, "#history")
        await pilot.press("down", "enter", "v", "z", "z", "2", "pagedown")
        await settle(pilot)
