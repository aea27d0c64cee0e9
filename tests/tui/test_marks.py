"""Tests of how an edit is shown that deserves a person's eye."""

from pathlib import Path

import msgspec
import pytest

from autoresearch_tui import headless
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.report import summary
from autoresearch_tui.tui.screens import approval
from autoresearch_tui.tui.widgets.experiments import ExperimentsPane
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import settle, shown, watching

NUMBER = 6
MARKS = [f"Line {line}: `import module_{line}` reaches for the network." for line in range(1, 9)]


def marked_night(folder: Path, ending: Ending, count: int) -> MadeNight:
    """Make a night whose last experiment waits for a person, and has marks."""
    made = make_night(folder, ending, NUMBER)
    *before, proposed, asked = JournalReader(made.session.journal).read()
    assert isinstance(proposed, events.Proposed)
    assert isinstance(asked, events.ApprovalRequested)
    made.session.journal.unlink()
    journal = Journal(made.session.journal)
    for fact in (*before, msgspec.structs.replace(proposed, marks=MARKS[:count]), asked):
        assert not isinstance(fact, events.UnknownFact)
        journal.append(fact)
    journal.close()
    return made


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_the_question_shows_marks_right_above_its_keys(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    made = marked_night(tmp_path, Ending.APPROVAL, 2)
    async with watching(made, size) as pilot:
        marks = pilot.app.screen.query_one(approval.Marks)
        text = shown(pilot, "Marks")
        assert marks.region.bottom == pilot.app.screen.query_one("Footer").region.y
        assert pilot.app.screen.query_one("#diff").content_size.height >= 3
    assert "! Line 1: `import module_1`" in text
    assert "! Line 2: `import module_2`" in text


async def test_more_marks_than_there_is_room_for_are_counted(tmp_path: Path) -> None:
    made = marked_night(tmp_path, Ending.APPROVAL, 8)
    async with watching(made) as pilot:
        text = shown(pilot, "Marks")
    assert "Line 4" in text
    assert "Line 5" not in text
    assert "and 4 more" in text


async def test_a_question_without_marks_gives_them_no_room(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.APPROVAL, NUMBER)) as pilot:
        assert not pilot.app.screen.query_one(approval.Marks).display


async def test_table_diff_and_sheet_carry_the_sign_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "GRACE_S", 0.0)
    made = marked_night(tmp_path, Ending.APPROVAL, 8)
    async with watching(made) as pilot:
        await pilot.press("escape")
        await settle(pilot)
        rows = shown(pilot, "#experiments").splitlines()
        assert f" {NUMBER}!" in rows[1]
        assert not any("!" in row for row in rows[2:])
        assert "! Line 1: `import module_1` reaches for" in shown(pilot, "#diff")
        await pilot.press("enter")
        await settle(pilot)
        pilot.app.screen.query_one("#sheet").focus()
        await pilot.press("z")
        await settle(pilot)
        sheet = shown(pilot, "#sheet")
    assert all(f"! look at  {mark}" in sheet for mark in MARKS)
    assert "! an edit to look at" in (ExperimentsPane.HELP or "")


def test_lines_and_pages_without_a_screen_name_them_too(tmp_path: Path) -> None:
    made = marked_night(tmp_path, Ending.APPROVAL, 2)
    lines: list[str] = []
    headless.Follower(made.session, lines.append).tell()
    told = [line.partition("  ")[2] for line in lines if "module_" in line]
    assert told == [f"#{NUMBER}   ! {mark}" for mark in MARKS[:2]]
    state = fold(JournalReader(made.session.journal).read())
    page = summary.experiment(state.experiments[NUMBER])
    assert all(f"! {mark}" in page for mark in MARKS[:2])
