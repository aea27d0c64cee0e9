"""The last row says what its keys do now."""

from pathlib import Path

import pytest

from autoresearch_tui.tui.screens import approval
from tests.tui.nights import Ending, make_night
from tests.tui.watching import settle, shown, watching


@pytest.mark.parametrize(
    ("ending", "words"), [(Ending.TRAINING, "p pause"), (Ending.PAUSED, "p resume")]
)
async def test_the_key_that_pauses_says_when_it_resumes(
    tmp_path: Path, ending: Ending, words: str
) -> None:
    async with watching(make_night(tmp_path, ending)) as pilot:
        assert words in shown(pilot, "Footer")


@pytest.mark.parametrize("tag", ["nov23", "a-night-with-a-long-name"])
@pytest.mark.parametrize("ending", [Ending.FINISHED, Ending.DEAD])
async def test_without_a_lab_it_says_how_to_go_on_and_how_to_leave(
    tmp_path: Path, ending: Ending, tag: str
) -> None:
    async with watching(make_night(tmp_path, ending, tag=tag)) as pilot:
        for words in (f"autoresearch run --tag {tag}", "q leave", "? help"):
            assert words in shown(pilot, "Footer")


async def test_with_little_room_the_way_out_comes_before_the_end_of_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "GRACE_S", 0.0)
    async with watching(make_night(tmp_path, Ending.APPROVAL), (60, 20)) as pilot:
        await pilot.press("escape")
        await settle(pilot)
        row = shown(pilot, "Footer")
    assert "q leave" in row
    assert "stop lab" not in row


async def test_keys_are_offered_once_there_is_something_that_they_are_about(
    tmp_path: Path,
) -> None:
    made = make_night(tmp_path, Ending.WAITING, 0)
    async with watching(made, (120, 40)) as pilot:
        row = shown(pilot, "Footer")
    assert "s steer" in row
    for words in ("open", "filter", "sort", "mark", "run again"):
        assert words not in row


async def test_it_follows_the_focus_from_pane_to_pane(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING), (120, 40)) as pilot:
        assert "/ filter" in shown(pilot, "Footer")
        await pilot.press("1")
        assert "/ filter" not in shown(pilot, "Footer")
